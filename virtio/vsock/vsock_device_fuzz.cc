// A script of what a guest and host programs do to one device: packets, receive buffers, clients
// that come, talk and go. Each step is a byte and its arguments.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/event_loop.h"
#include "base/unix_socket.h"
#include "virtio/vsock/fake_vsock_guest.h"
#include "virtio/vsock/vsock_device.h"

namespace voidbox {
namespace {

constexpr size_t kMaxClients = 16;

// The sockets lie in a directory of this process.
void EnterDirectory() {
  static const bool entered = [] {
    const char* parent = std::getenv("TEST_TMPDIR");
    std::string path = std::string(parent == nullptr ? "/tmp" : parent) + "/vsock_fuzz.XXXXXX";
    return ::mkdtemp(path.data()) != nullptr && ::chdir(path.c_str()) == 0;
  }();
  Check(entered, "the test has a directory");
}

class Script {
 public:
  explicit Script(absl::string_view input) : input_(input) {
    EnterDirectory();
    device_ = VsockDevice::Create({.max_connections = 8}, *loop_).value();
    guest_ = std::make_unique<FakeVsockGuest>(*device_, *loop_);
    listener_ = ListenUnixAgain();
  }
  ~Script() {
    guest_.reset();
    device_.reset();
  }

  void Run() {
    Check(guest_->Start(/*receive_buffers=*/false).ok(), "the device starts");
    while (!input_.empty()) {
      Step();
      Check(loop_->RunOnce(absl::ZeroDuration()).ok(), "the loop runs");
      Check(device_->connection_count() <= 8, "connections are bounded");
    }
  }

 private:
  static UniqueFd ListenUnixAgain() {
    ::unlink("vsock.sock_7");
    return ListenUnix(AT_FDCWD, "vsock.sock_7").value();
  }

  uint8_t Byte() {
    if (input_.empty()) return 0;
    const uint8_t byte = static_cast<uint8_t>(input_.front());
    input_.remove_prefix(1);
    return byte;
  }

  // Ports that host clients have, and others.
  uint32_t HostPort() {
    const uint8_t byte = Byte();
    if (byte >= 0xf0) return 7;
    return (1u << 30) + byte % 32;
  }

  void Step() {
    switch (Byte() % 10) {
      case 0: {  // a packet with fields near what is right
        VsockHeader header = guest_->Header(static_cast<VsockOp>(Byte() % 10),
                                            {.host = HostPort(), .guest = Byte() % 4u});
        const std::string body(Byte() * 16u, 'b');
        header.len = static_cast<uint32_t>(body.size());
        header.flags = Byte();
        header.fwd_cnt = Byte() * 64u;
        header.buf_alloc = Byte() * 1024u;
        guest_->Put(header, body);
        return guest_->Notify().IgnoreError();
      }
      case 1: {  // any packet
        VsockHeader header;
        const absl::string_view bytes = input_.substr(0, sizeof(header));
        std::memcpy(&header, bytes.data(), bytes.size());
        input_.remove_prefix(bytes.size());
        guest_->Put(header, std::string(Byte(), 'x'));
        return guest_->Notify().IgnoreError();
      }
      case 2:
        return guest_->PostReceiveBuffers();
      case 3:
        guest_->StopPosting();
        return guest_->Poll();
      case 4: {  // a client and its first words
        if (clients_.size() == kMaxClients) return;
        absl::StatusOr<UniqueFd> client = ConnectUnixNow(AT_FDCWD, "vsock.sock");
        if (!client.ok()) return;
        const std::string line = "CONNECT " + std::to_string(Byte() % 4) + "\n";
        ::send(client->get(), line.data(), line.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        clients_.push_back(*std::move(client));
        return;
      }
      case 5:
        return WithClient([this](int fd) {
          const std::string bytes(Byte() * 256u, 'h');
          ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        });
      case 6:
        return WithClient([this](int fd) { ::shutdown(fd, Byte() % 3); });
      case 7:
        if (!clients_.empty()) clients_.erase(clients_.begin() + Byte() % clients_.size());
        return;
      case 8: {  // the guest's connections arrive, and are read
        absl::StatusOr<UniqueFd> client = AcceptUnix(listener_.get());
        if (client.ok() && *client) clients_.push_back(*std::move(client));
        char bytes[4096];
        for (const UniqueFd& fd : clients_) ::recv(fd.get(), bytes, sizeof(bytes), MSG_DONTWAIT);
        return;
      }
      default:
        if (Byte() % 8 != 0) return guest_->Poll();
        guest_->Stop();
        Check(guest_->Start(/*receive_buffers=*/true).ok(), "the device starts again");
    }
  }

  template <typename Use>
  void WithClient(Use use) {
    if (!clients_.empty()) use(clients_[Byte() % clients_.size()].get());
  }

  absl::string_view input_;
  std::unique_ptr<EventLoop> loop_ = EventLoop::Create().value();
  std::unique_ptr<VsockDevice> device_;
  std::unique_ptr<FakeVsockGuest> guest_;
  UniqueFd listener_;
  std::vector<UniqueFd> clients_;
};

}  // namespace
}  // namespace voidbox

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  voidbox::Script({reinterpret_cast<const char*>(data), size}).Run();
  return 0;
}

#ifndef VOIDBOX_VIRTIO_VSOCK_VSOCK_DEVICE_FIXTURE_H_
#define VOIDBOX_VIRTIO_VSOCK_VSOCK_DEVICE_FIXTURE_H_

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/event_loop.h"
#include "base/io.h"
#include "base/status_matchers.h"
#include "base/unique_fd.h"
#include "base/unix_socket.h"
#include "gtest/gtest.h"
#include "virtio/vsock/credit.h"
#include "virtio/vsock/fake_vsock_guest.h"
#include "virtio/vsock/vsock_device.h"

namespace voidbox {

// A device with its sockets in a directory of the test's own (the working directory), a guest that
// uses it, and host programs.
class VsockDeviceFixture : public ::testing::Test {
 protected:
  static constexpr uint32_t kGuestPort = 1234;

  void SetUp() override {
    directory_ = absl::StrCat(::testing::TempDir(), "/vsock.XXXXXX");
    ASSERT_NE(::mkdtemp(directory_.data()), nullptr);
    ASSERT_EQ(::chdir(directory_.c_str()), 0);
    loop_ = EventLoop::Create().value();
  }
  void TearDown() override {
    guest_.reset();
    device_.reset();
  }

  void MakeDevice(VsockOptions options = {}) {
    auto device = VsockDevice::Create(std::move(options), *loop_);
    ASSERT_THAT(device, IsOk());
    device_ = *std::move(device);
    guest_ = std::make_unique<FakeVsockGuest>(*device_, *loop_);
  }
  void Start(VsockOptions options = {}) {
    MakeDevice(std::move(options));
    ASSERT_THAT(guest_->Start(), IsOk());
  }

  // Turns the loop and the guest until `done`.
  void RunUntil(const std::function<bool()>& done) {
    const absl::Time deadline = absl::Now() + absl::Seconds(120);
    for (;;) {
      guest_->Poll();
      if (done()) return;
      ASSERT_LT(absl::Now(), deadline) << "what the test waits for does not happen";
      ASSERT_THAT(loop_->RunOnce(absl::Seconds(1)), IsOk());
    }
  }
  // Lets everything that is due happen.
  void Settle() {
    bool posted = false;
    for (int i = 0; i < 4; ++i) {
      loop_->Post([&posted] { posted = true; });
      RunUntil([&posted] { return std::exchange(posted, false); });
    }
  }

  // --- Host programs. Their sockets do not block.

  static UniqueFd Connect() { return ConnectUnixNow(AT_FDCWD, "vsock.sock").value(); }
  static void Write(const UniqueFd& fd, absl::string_view bytes) {
    ASSERT_EQ(::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL), bytes.size());
  }
  // Appends what can be read now to `received_`; true at the end of the stream.
  bool ReadAvailable(const UniqueFd& fd) {
    char bytes[64 << 10];
    for (;;) {
      const ssize_t got = ::recv(fd.get(), bytes, sizeof(bytes), 0);
      if (got == 0) return true;
      if (got < 0) return errno != EAGAIN;
      received_.append(bytes, got);
    }
  }
  // Waits for exactly `bytes` from the guest.
  void ExpectReceived(const UniqueFd& fd, absl::string_view bytes) {
    RunUntil([&] {
      ReadAvailable(fd);
      return received_.size() >= bytes.size();
    });
    EXPECT_EQ(received_, bytes);
    received_.clear();
  }
  void ExpectEndOfStream(const UniqueFd& fd) {
    RunUntil([&] { return ReadAvailable(fd); });
    EXPECT_EQ(received_, "");
  }

  // --- The guest.

  VsockPacket NextPacket() {
    RunUntil([this] { return !guest_->inbox().empty(); });
    if (guest_->inbox().empty()) return {};
    VsockPacket packet = std::move(guest_->inbox().front());
    guest_->inbox().pop_front();
    return packet;
  }
  // The next packet, which must be `op` for `ports`.
  VsockPacket ExpectPacket(VsockOp op, VsockPorts ports, uint32_t flags = 0) {
    VsockPacket packet = NextPacket();
    EXPECT_EQ(packet.header.op, op);
    EXPECT_EQ(packet.header.src_cid, kVsockHostCid);
    EXPECT_EQ(packet.header.dst_cid, FakeVsockGuest::kCid);
    EXPECT_EQ(packet.header.src_port, ports.host);
    EXPECT_EQ(packet.header.dst_port, ports.guest);
    EXPECT_EQ(packet.header.type, VIRTIO_VSOCK_TYPE_STREAM);
    EXPECT_EQ(packet.header.flags, flags);
    return packet;
  }
  void ExpectNoPacket() {
    Settle();
    EXPECT_TRUE(guest_->inbox().empty());
  }
  // What arrives in RW packets until there are `bytes`.
  std::string ExpectData(VsockPorts ports, size_t bytes) {
    std::string data;
    while (data.size() < bytes && !HasFatalFailure()) {
      data += ExpectPacket(VIRTIO_VSOCK_OP_RW, ports).body;
    }
    return data;
  }

  struct Stream {
    UniqueFd host;
    VsockPorts ports;
  };
  // A connection that a host program made and the guest accepted.
  Stream Open(uint32_t guest_port = kGuestPort) {
    Stream stream = {.host = Connect()};
    Write(stream.host, absl::StrCat("CONNECT ", guest_port, "\n"));
    const VsockHeader request = NextPacket().header;
    EXPECT_EQ(request.op, VIRTIO_VSOCK_OP_REQUEST);
    stream.ports = {.host = request.src_port, .guest = guest_port};
    EXPECT_THAT(guest_->Send(VIRTIO_VSOCK_OP_RESPONSE, stream.ports), IsOk());
    ExpectReceived(stream.host, absl::StrCat("OK ", stream.ports.host, "\n"));
    return stream;
  }

  // Sends from the guest until a host that does not read has used up the window; returns what was
  // sent.
  std::string FillHostSocket(const Stream& stream) {
    std::string sent;
    SendCredit credit = {.buf_alloc = kInitialBufferBytes};
    for (;;) {
      const std::string body(std::min(credit.Free(), FakeVsockGuest::kLargestBody),
                             static_cast<char>('a' + sent.size() / 1000 % 26));
      if (body.empty()) return sent;
      RunUntil([&] { return guest_->Send(VIRTIO_VSOCK_OP_RW, stream.ports, body).ok(); });
      credit.tx_cnt += body.size();
      sent += body;
      Settle();
      for (const VsockPacket& packet : guest_->inbox()) {
        EXPECT_EQ(packet.header.op, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
        credit.buf_alloc = packet.header.buf_alloc;
        credit.fwd_cnt = packet.header.fwd_cnt;
      }
      guest_->inbox().clear();
    }
  }

  std::string directory_;
  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<VsockDevice> device_;
  std::unique_ptr<FakeVsockGuest> guest_;
  std::string received_;  // by host programs, not compared yet
};

}  // namespace voidbox

#endif  // VOIDBOX_VIRTIO_VSOCK_VSOCK_DEVICE_FIXTURE_H_

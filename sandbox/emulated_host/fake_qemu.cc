// Plays QEMU with hostd in it for broker_test: takes QEMU's arguments and descriptors. What it does
// is the first word of the saved state that it is to start from, or the file name of its kernel:
//   serve  says on its console that hostd is up, saves a state that says "serve", answers the
//          set-up, lists one sandbox, and echoes each call's bytes
//   (else) prints a line and ends with status 3
//   hang   does nothing
//   reject answers the set-up with an error
// Each start adds a line to "starts" in the directory that it shares.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <list>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/event_loop.h"
#include "base/frame.h"
#include "base/io.h"
#include "base/unix_socket.h"
#include "sandbox/emulated_host/host.pb.h"
#include "sandbox/emulated_host/hostd_up.h"
#include "sandbox/emulated_host/mux.h"

namespace voidbox {
namespace {

constexpr int kPortFd = 3;
constexpr int kMonitorFd = 4;
constexpr int kStateFd = 5;

// The value of the argument that follows `name` and contains `part`.
std::string Argument(const std::vector<std::string>& arguments, const std::string& name,
                     const std::string& part = "") {
  for (size_t i = 0; i + 1 < arguments.size(); ++i) {
    if (arguments[i] == name && absl::StrContains(arguments[i + 1], part)) return arguments[i + 1];
  }
  return "";
}

void Say(int fd, const std::string& line) { static_cast<void>(WriteAll(fd, line + "\n")); }

// The next line of the monitor; a descriptor that comes with it is put into `passed`.
std::string Hear(int monitor, UniqueFd& passed) {
  std::string line;
  for (char c = 0; c != '\n';) {
    iovec piece = {.iov_base = &c, .iov_len = 1};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message = {};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    if (::recvmsg(monitor, &message, MSG_CMSG_CLOEXEC) != 1) return "";
    if (const cmsghdr* header = CMSG_FIRSTHDR(&message)) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(header), sizeof(fd));
      passed.Reset(fd);
    }
    line += c;
  }
  return line;
}

// QMP, as StateSaver uses it.
void ServeMonitor() {
  if (::fcntl(kMonitorFd, F_SETFL, 0) != 0) return;
  Say(kMonitorFd, R"({"QMP": {}})");
  UniqueFd state;
  for (;;) {
    // A command may have a line break inside; its last line tells which it is.
    const std::string line = Hear(kMonitorFd, state);
    if (line.empty()) return;
    if (!absl::EndsWith(line, "}\n")) continue;
    Say(kMonitorFd, R"({"return": {}})");
    if (!absl::StrContains(line, "fd:state")) continue;
    static_cast<void>(WriteAll(state.get(), "serve"));
    state.Reset();
    Say(kMonitorFd, R"({"event": "MIGRATION", "data": {"status": "completed"}})");
  }
}

// hostd's side of the port: the first stream sets it up, the others are echoed.
class FakeHostd {
 public:
  FakeHostd(EventLoop& loop, std::string error) : loop_(loop), error_(std::move(error)) {}

  bool Start() {
    if (::fcntl(kPortFd, F_SETFL, O_NONBLOCK) != 0) return false;
    auto mux = Mux::Create(
        loop_, UniqueFd(kPortFd), {}, [this](absl::string_view purpose) { return Accept(purpose); },
        [this](const absl::Status&) { loop_.Stop(); });
    if (!mux.ok()) return false;
    mux_ = *std::move(mux);
    return true;
  }

 private:
  struct Stream {
    UniqueFd socket;
    EventLoop::Watch watch;
  };

  UniqueFd Accept(absl::string_view purpose) {
    auto pair = UnixSocketPair();
    if (!pair.ok()) return UniqueFd();
    // Of what it is asked for, it says the list's first entry.
    host::HostdRequest request;
    if (!purpose.empty() &&
        request.ParseFromArray(purpose.data(), static_cast<int>(purpose.size())) &&
        request.has_list()) {
      host::HostdReply reply;
      reply.mutable_sandbox()->set_id("0123456789ab");
      static_cast<void>(WriteFrame(pair->second.get(), reply));
      return std::move(pair->first);
    }
    const auto stream = streams_.emplace(streams_.end());
    stream->socket = std::move(pair->second);
    const bool setup = std::exchange(first_, false);
    auto watch = loop_.Add(stream->socket.get(), EPOLLIN, [this, stream, setup](uint32_t) {
      if (setup ? Answer(stream->socket.get()) : Echo(stream->socket.get())) return;
      streams_.erase(stream);
    });
    if (watch.ok()) stream->watch = *std::move(watch);
    return std::move(pair->first);
  }

  bool Answer(int socket) {
    host::HostSetup setup;
    host::HostSetupReply reply;
    if (::fcntl(socket, F_SETFL, 0) != 0) return false;
    if (!ReadFrame(socket, setup).ok() || setup.entropy().size() < 32) return false;
    reply.set_error(error_);
    static_cast<void>(WriteFrame(socket, reply));
    return false;
  }

  static bool Echo(int socket) {
    char bytes[4096];
    const ssize_t got = ::read(socket, bytes, sizeof(bytes));
    return got > 0 && WriteAll(socket, {bytes, static_cast<size_t>(got)}).ok();
  }

  EventLoop& loop_;
  const std::string error_;
  bool first_ = true;
  std::list<Stream> streams_;
  std::unique_ptr<Mux> mux_;
};

int Main(const std::vector<std::string>& arguments) {
  const bool from_state = !Argument(arguments, "-incoming").empty();
  std::string todo = std::filesystem::path(Argument(arguments, "-kernel")).filename();
  if (from_state) {
    char word[16] = {};
    const auto got = ReadUpTo(kStateFd, word, sizeof(word) - 1);
    todo = got.ok() ? std::string(word, *got) : "exit";
  }
  std::string home = Argument(arguments, "-virtfs", "mount_tag=voidboxhome");
  home = std::vector<std::string>(absl::StrSplit(home, absl::ByAnyChar("=,"))).at(2);
  const UniqueFd starts(::open((home + "/starts").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600));
  Say(starts.get(), absl::StrCat(from_state ? "state " : "boot ", todo));

  if (todo == "hang") {
    for (;;) ::pause();
  }
  if (todo != "serve" && todo != "reject") {
    Say(STDOUT_FILENO, "fake QEMU: \xff does not know '" + todo + "'");
    return 3;
  }
  if (!from_state) Say(STDOUT_FILENO, absl::StrCat("voidbox-hostd: ", kHostdUp));
  std::thread(ServeMonitor).detach();
  auto loop = EventLoop::Create();
  if (!loop.ok()) return 1;
  FakeHostd hostd(**loop, todo == "reject" ? "cannot mount" : "");
  return hostd.Start() && (*loop)->Run().ok() ? 0 : 1;
}

}  // namespace
}  // namespace voidbox

int main(int argc, char** argv) {
  return voidbox::Main(std::vector<std::string>(argv + 1, argv + argc));
}

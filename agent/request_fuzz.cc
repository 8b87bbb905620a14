// What the host sends on a call's stream, before and while a command runs. The command is a fake
// that echoes its input, so that nothing is started.
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "agent/agent.pb.h"
#include "agent/call_service.h"
#include "agent/command.h"
#include "agent/exec_policy.h"
#include "base/check.h"
#include "base/event_loop.h"
#include "base/frame.h"
#include "base/unique_fd.h"

namespace voidbox {
namespace {

class EchoCall final : public Call {
 public:
  explicit EchoCall(Connection& connection) : connection_(connection) {}
  absl::Status OnFrame(const agent::ClientFrame& frame) override {
    if (frame.has_stdin()) {
      const size_t size = std::min(frame.stdin().size(), Connection::kMaxOutputPieceBytes);
      std::copy_n(frame.stdin().data(), size, connection_.ReserveOutput());
      connection_.CommitOutput(Connection::Output::kStdout, size);
      return absl::OkStatus();
    }
    if (frame.has_resize()) return ParseTerminalSize(frame.resize()).status();
    if (frame.has_signal()) return absl::InvalidArgumentError("signal");
    if (frame.has_close_stdin()) {
      agent::ServerFrame last;
      last.mutable_ended()->set_reason(agent::ExecEnded::EXITED);
      connection_.Send(last);
    }
    done_ = true;
    return absl::OkStatus();
  }
  bool WantsFrames() const override { return !done_ && !connection_.BackedUp(); }
  void OnRoom() override {}
  void Cancel() override { done_ = true; }
  bool Done() const override { return done_; }

 private:
  Connection& connection_;
  bool done_ = false;
};

// Reads what is there, which must be whole frames and nothing after a last one.
void TakeOutput(int fd, FrameReader& reader, bool& ended) {
  char piece[4096];
  for (ssize_t got; (got = ::read(fd, piece, sizeof(piece))) > 0;) {
    reader.Append({piece, static_cast<size_t>(got)});
    for (;;) {
      auto payload = reader.Next();
      Check(payload.ok(), "the agent's frames are within their limit");
      if (!*payload) break;
      Check(!ended, "nothing follows a last frame");
      agent::ServerFrame frame;
      Check(frame.ParseFromArray((*payload)->data(), static_cast<int>((*payload)->size())),
            "the agent's frames parse");
      ended = !frame.has_stdout();
    }
  }
}

// The first byte says in which pieces the rest arrives.
void RunInput(const uint8_t* data, size_t size) {
  if (size == 0) return;
  ::signal(SIGPIPE, SIG_IGN);
  const size_t piece = data[0] + 1u;
  absl::string_view rest(reinterpret_cast<const char*>(data + 1), size - 1);

  const auto loop = EventLoop::Create().value();
  ExecPolicy policy;
  CallHandlers handlers;
  handlers[agent::Request::kExec] =
      CallStarter([&policy](const agent::Request& request, Connection& connection,
                            const Call::Settle&) -> absl::StatusOr<std::unique_ptr<Call>> {
        // As in the emulated host, and as in a guest.
        static_cast<void>(ParseCommand(request.exec(), {}));
        auto command = ParseCommand(
            request.exec(),
            {.isolates = true, .account_files = {.passwd = "/dev/null", .group = "/dev/null"}});
        if (!command.ok()) return command.status();
        Check(command->account.has_value(), "in a guest a command has its user");
        if (auto status = policy.Apply(0, *command); !status.ok()) return status;
        return std::make_unique<EchoCall>(connection);
      });
  handlers[agent::Request::kConfigure] =
      CallAnswerer([&policy](const agent::Request& request) -> absl::StatusOr<agent::ServerFrame> {
        if (auto status = policy.Configure(request.configure()); !status.ok()) return status;
        agent::ServerFrame frame;
        frame.mutable_done();
        return frame;
      });
  CallService service(*loop,
                      {.version = "fuzz", .handlers = std::move(handlers), .shut_down = [] {}});
  int pair[2];
  Check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0, "there is a socket");
  UniqueFd host(pair[1]);
  service.Serve(UniqueFd(pair[0]));
  FrameReader reader;
  bool ended = false;
  while (!rest.empty() && service.connections() != 0) {
    const ssize_t sent = ::write(host.get(), rest.data(), std::min(piece, rest.size()));
    if (sent > 0) rest.remove_prefix(static_cast<size_t>(sent));
    Check(loop->RunOnce(absl::ZeroDuration()).ok(), "the loop turns");
    TakeOutput(host.get(), reader, ended);
  }
  ::shutdown(host.get(), SHUT_WR);
  while (service.connections() != 0) {
    Check(loop->RunOnce(absl::InfiniteDuration()).ok(), "the loop turns");
    TakeOutput(host.get(), reader, ended);
  }
  TakeOutput(host.get(), reader, ended);
  Check(reader.AtBoundary(), "the agent cuts no frame");
}

}  // namespace
}  // namespace voidbox

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  voidbox::RunInput(data, size);
  return 0;
}

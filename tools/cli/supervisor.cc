#include "tools/cli/supervisor.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <ctime>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/agent_call.h"
#include "agent/error_frame.h"
#include "base/errno_status.h"
#include "base/event_loop.h"
#include "base/frame.h"
#include "base/io.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "sandbox/detached_store.h"
#include "sandbox/home.h"
#include "sandbox/registry.h"
#include "sandbox/rotating_log.h"
#include "tools/cli/exit_status.h"
#include "tools/cli/signal_source.h"

namespace voidbox {
namespace {

// One detached sandbox, from its start to its end. Belongs to the loop's thread.
class Supervisor {
 public:
  Supervisor(EventLoop& loop, const RunOptions& options, DetachedStore store)
      : loop_(loop), options_(options), store_(std::move(store)) {}

  absl::Status Start(const std::string& home) {
    ASSIGN_OR_RETURN(signals_,
                     SignalSource::Create(loop_, [this](int number) { OnSignal(number); }));
    ASSIGN_OR_RETURN(Registry registry, Registry::Open(home, signals_->fd()));
    Sandbox::Handlers handlers;
    handlers.ready = [this](const agent::Ready&) { OnReady(); };
    handlers.ended = [this](const absl::Status& status) { OnSandboxEnded(status); };
    handlers.console = [this](absl::string_view text) {
      if (console_.has_value()) LogFailure(console_->Append(text));
    };
    auto sandbox = Sandbox::Start(loop_, registry, options_.sandbox, std::move(handlers));
    if (absl::IsCancelled(sandbox.status())) return absl::OkStatus();  // OnSignal is next
    RETURN_IF_ERROR(sandbox.status());
    sandbox_ = *std::move(sandbox);
    record_ = sandbox_->record();
    RETURN_IF_ERROR(store_.Write(record_));
    const std::string directory = store_.Directory(record_.id);
    ASSIGN_OR_RETURN(console_,
                     RotatingLog::Create(absl::StrCat(directory, "/", DetachedStore::kConsoleLog)));
    ASSIGN_OR_RETURN(output_,
                     RotatingLog::Create(absl::StrCat(directory, "/", DetachedStore::kOutputLog)));
    return absl::OkStatus();
  }

  // Of a sandbox that was not ready, what was said of it goes away.
  void Forget() {
    if (!record_.id.empty()) store_.Remove(record_.id).IgnoreError();
  }

  int exit_status() const { return exit_status_; }

 private:
  static void LogFailure(const absl::Status& status) {
    if (!status.ok()) LogWarning(status.message());
  }

  void OnReady() {
    absl::Status status = options_.console_only() ? absl::OkStatus() : StartCommand();
    // Whoever asked may remove theirs; every path is absolute by now.
    if (status.ok() && ::chdir("/") != 0) status = ErrnoStatus("chdir /");
    if (status.ok()) status = WriteAll(STDOUT_FILENO, absl::StrCat(record_.id, "\n"));
    if (!status.ok()) return End(ExitStatusOf(status), std::string(status.message()), false);
    reported_ = true;
    // Whoever asked is gone: nobody reads, and nothing of theirs is held open.
    const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    for (const int fd : {STDOUT_FILENO, STDERR_FILENO}) ::dup2(null.get(), fd);
  }

  absl::Status StartCommand() {
    agent::Request request;
    *request.mutable_exec() = options_.exec;
    ASSIGN_OR_RETURN(UniqueFd stream, sandbox_->ConnectVsock());
    ASSIGN_OR_RETURN(
        call_,
        AgentCall::Start(loop_, std::move(stream), kAgentPort, request,
                         {.frame = [this](const agent::ServerFrame& frame) { OnFrame(frame); },
                          .ended = [this](const absl::Status& status) { OnCallEnded(status); },
                          .room = nullptr}));
    return absl::OkStatus();
  }

  void OnFrame(const agent::ServerFrame& frame) {
    if (frame.has_stdout() || frame.has_stderr()) {
      std::string bytes;
      if (AppendFrame(frame, bytes).ok()) LogFailure(output_->Append(bytes));
      return;
    }
    if (frame.has_error()) return End(kExitOwnError, MessageText(frame.error().message()), false);
    if (!frame.has_ended()) return;
    ended_ = true;
    const agent::ExecEnded& ended = frame.ended();
    std::string reason;
    if (ended.reason() == agent::ExecEnded::TIMED_OUT) reason = "its time was up";
    if (ended.reason() == agent::ExecEnded::OUT_OF_MEMORY) reason = "killed for want of memory";
    if (ended.reason() == agent::ExecEnded::NOT_STARTED) {
      reason = absl::StrCat("cannot start the command: ", MessageText(ended.message()));
    }
    End(ExitStatusOf(ended), reason, true);
  }

  void OnCallEnded(const absl::Status& status) {
    if (ended_ || ending_) return;
    End(kExitOwnError,
        absl::StrCat("the connection to the agent ended: ",
                     status.ok() ? "closed by the guest" : status.message()),
        false);
  }

  void OnSignal(int number) {
    End(kExitSignalBase + number, number == SIGTERM ? "stopped" : "killed", number == SIGTERM);
  }

  void End(int exit_status, const std::string& reason, bool orderly) {
    if (ending_) return;
    ending_ = true;
    exit_status_ = exit_status;
    record_.exit_status = exit_status;
    record_.end_reason = reason;
    if (sandbox_ == nullptr) return loop_.Stop();
    sandbox_->Stop(orderly);
  }

  void OnSandboxEnded(const absl::Status& status) {
    call_.reset();
    if (!ending_) {
      // By itself: it powered off, or it failed.
      record_.end_reason = status.ok() ? "the guest powered off" : std::string(status.message());
      record_.exit_status = status.ok() ? 0 : kExitOwnError;
      exit_status_ = status.ok() ? 0 : ExitStatusOf(status);
    }
    record_.ended_unix_seconds = ::time(nullptr);
    if (!reported_ || options_.remove) {
      Forget();
    } else {
      LogFailure(store_.Write(record_));
    }
    loop_.Stop();
  }

  EventLoop& loop_;
  const RunOptions& options_;
  const DetachedStore store_;
  SandboxRecord record_;
  int exit_status_ = kExitOwnError;
  bool reported_ = false;
  bool ended_ = false;  // the command
  bool ending_ = false;
  std::optional<RotatingLog> console_;
  std::optional<RotatingLog> output_;
  std::unique_ptr<SignalSource> signals_;
  std::unique_ptr<Sandbox> sandbox_;
  std::unique_ptr<AgentCall> call_;
};

}  // namespace

bool IsSupervisor() { return ProcessEnvironment(kSupervisorVariable).has_value(); }

int Supervise(const std::string& home, const RunOptions& options) {
  auto loop = EventLoop::Create();
  if (!loop.ok()) return ExitStatusOf(loop.status());
  auto store = DetachedStore::Open(home);
  if (!store.ok()) return ExitStatusOf(store.status());
  Supervisor supervisor(**loop, options, *std::move(store));
  absl::Status status = supervisor.Start(home);
  if (status.ok()) {
    status = (*loop)->Run();
  } else {
    supervisor.Forget();
  }
  return status.ok() ? supervisor.exit_status() : ExitStatusOf(status);
}

}  // namespace voidbox

#include "tools/cli/sandbox/exec_run.h"

#include <signal.h>

#include <memory>
#include <utility>

#include "agent/agent_call.h"
#include "base/event_loop.h"
#include "base/status_macros.h"
#include "tools/cli/exit_status.h"
#include "tools/cli/printable_streams.h"
#include "tools/cli/session_terminal.h"
#include "tools/cli/signal_source.h"

namespace voidbox {
namespace {

// One command, from its start to its end. Belongs to the loop's thread.
class ExecRun {
 public:
  ExecRun(EventLoop& loop, const ExecRunOptions& options) : loop_(loop), options_(options) {}

  absl::Status Start(UniqueFd vsock, agent::Request request) {
    ASSIGN_OR_RETURN(signals_,
                     SignalSource::Create(loop_, [this](int number) { OnSignal(number); }));
    if (options_.terminal) {
      *request.mutable_exec()->mutable_terminal()->mutable_size() = SessionTerminal::Size();
    }
    ExecSession::Handlers handlers;
    handlers.ended = [this](const absl::StatusOr<agent::ExecEnded>& ended) { OnEnded(ended); };
    handlers.run_ts_result = options_.run_ts_result;
    if (options_.detach) {
      handlers.started = [this](const agent::ExecStarted& started) {
        options_.detach(started);
        End(0);
      };
    }
    ASSIGN_OR_RETURN(
        session_, ExecSession::Start(
                      loop_, std::move(vsock), kAgentPort, std::move(request),
                      options_.terminal ? options_.streams : PrintableOnTerminals(options_.streams),
                      std::move(handlers)));
    if (!options_.terminal) return absl::OkStatus();
    ASSIGN_OR_RETURN(terminal_,
                     SessionTerminal::Create(
                         loop_, [this](const agent::WindowSize& size) { session_->Resize(size); }));
    return absl::OkStatus();
  }

  int exit_status() const { return exit_status_; }

 private:
  void OnEnded(const absl::StatusOr<agent::ExecEnded>& ended) {
    terminal_.reset();  // before anything is said
    End(ended.ok() ? ExitStatusOf(*ended) : ExitStatusOf(ended.status()));
  }

  void OnSignal(int number) {
    // The second INT is that of a person who has lost patience: the call is given up, which kills
    // the command.
    if (number == SIGINT && std::exchange(interrupted_, true)) return End(kExitSignalBase + number);
    session_->Signal(number);
  }

  void End(int exit_status) {
    terminal_.reset();
    exit_status_ = exit_status;
    loop_.Stop();
  }

  EventLoop& loop_;
  const ExecRunOptions& options_;
  int exit_status_ = kExitOwnError;
  bool interrupted_ = false;
  std::unique_ptr<SignalSource> signals_;
  std::unique_ptr<ExecSession> session_;
  std::unique_ptr<SessionTerminal> terminal_;
};

}  // namespace

int RunExec(UniqueFd vsock, agent::Request request, const ExecRunOptions& options) {
  auto loop = EventLoop::Create();
  if (!loop.ok()) return ExitStatusOf(loop.status());
  ExecRun run(**loop, options);
  absl::Status status = run.Start(std::move(vsock), std::move(request));
  if (status.ok()) status = (*loop)->Run();
  return status.ok() ? run.exit_status() : ExitStatusOf(status);
}

}  // namespace voidbox

#include "tools/cli/run_native.h"

#include <signal.h>
#include <unistd.h>

#include <memory>
#include <utility>

#include "base/event_loop.h"
#include "base/log.h"
#include "base/printable_text.h"
#include "base/status_macros.h"
#include "sandbox/exec_session.h"
#include "sandbox/output_pump.h"
#include "sandbox/registry.h"
#include "tools/cli/console_input.h"
#include "tools/cli/exit_status.h"
#include "tools/cli/output_format.h"
#include "tools/cli/printable_streams.h"
#include "tools/cli/session_terminal.h"
#include "tools/cli/signal_source.h"

namespace voidbox {
namespace {

// The guest enforces the time limit; one that does not is ended this much later.
constexpr absl::Duration kTimeoutGrace = absl::Seconds(10);

// One run, from the sandbox' start to its end. Belongs to the loop's thread.
class NativeRun {
 public:
  NativeRun(EventLoop& loop, const RunOptions& options)
      : loop_(loop), options_(options), console_(loop, STDERR_FILENO, [] {}) {}

  absl::Status Start(const std::string& home) {
    ASSIGN_OR_RETURN(signals_,
                     SignalSource::Create(loop_, [this](int number) { OnSignal(number); }));
    ASSIGN_OR_RETURN(timer_, loop_.AddTimer([this] {
      LogError(options_.console_only()
                   ? "the guest was ended: its time was up"
                   : "the command was killed: its time was up, and the guest did not see to it");
      End(kExitTimedOut, /*orderly=*/false);
    }));
    ASSIGN_OR_RETURN(Registry registry, Registry::Open(home, signals_->fd()));
    Sandbox::Handlers handlers;
    handlers.ready = [this](const agent::Ready&) {
      if (options_.console_only()) return;
      const absl::Status status = StartCommand();
      if (!status.ok()) Fail(status);
    };
    handlers.ended = [this](const absl::Status& status) { OnSandboxEnded(status); };
    if (options_.show_console) {
      handlers.console = [this](absl::string_view text) {
        // A guest that prints more than anybody reads is cut short, not waited for. A console that
        // is joined is a terminal of the guest; one that is looked at commands none.
        if (console_.IsFull()) return;
        const bool printable = !options_.console_only() && ErrorIsTerminal();
        console_.Write(printable ? console_text_.Take(text) : std::string(text));
      };
    }
    Sandbox::Options options = options_.sandbox;
    if (options_.console_only()) RETURN_IF_ERROR(JoinConsole(options));
    auto sandbox = Sandbox::Start(loop_, registry, options, std::move(handlers));
    if (absl::IsCancelled(sandbox.status())) return absl::OkStatus();  // OnSignal is next
    RETURN_IF_ERROR(sandbox.status());
    sandbox_ = *std::move(sandbox);
    if (input_ != nullptr) input_->ReleaseVmmEnd();
    return absl::OkStatus();
  }

  int exit_status() const { return exit_status_; }

 private:
  absl::Status JoinConsole(Sandbox::Options& options) {
    ASSIGN_OR_RETURN(input_, ConsoleInput::Create(loop_, STDIN_FILENO));
    options.console_input = input_->vmm_end();
    options.boot_limit = absl::InfiniteDuration();
    options.power_off = Sandbox::PowerOff::kAtAnyTime;
    return options_.timeout.has_value() ? timer_.Set(*options_.timeout) : absl::OkStatus();
  }

  absl::Status StartCommand() {
    ASSIGN_OR_RETURN(UniqueFd stream, sandbox_->ConnectVsock());
    agent::Request request;
    if (options_.run_ts.has_value()) {
      *request.mutable_run_ts() = *options_.run_ts;
    } else {
      *request.mutable_exec() = options_.exec;
    }
    if (options_.terminal) {
      *request.mutable_exec()->mutable_terminal()->mutable_size() = SessionTerminal::Size();
    }
    if (options_.timeout.has_value()) {
      RETURN_IF_ERROR(timer_.Set(*options_.timeout + kTimeoutGrace));
    }
    ExecSession::Handlers handlers;
    handlers.ended = [this](const absl::StatusOr<agent::ExecEnded>& ended) {
      OnCommandEnded(ended);
    };
    handlers.run_ts_result = options_.run_ts_result;
    ASSIGN_OR_RETURN(
        session_, ExecSession::Start(
                      loop_, std::move(stream), kAgentPort, std::move(request),
                      options_.terminal ? options_.streams : PrintableOnTerminals(options_.streams),
                      std::move(handlers)));
    if (!options_.terminal) return absl::OkStatus();
    ASSIGN_OR_RETURN(terminal_,
                     SessionTerminal::Create(loop_, [this](const agent::WindowSize& size) {
                       if (session_ != nullptr) session_->Resize(size);
                     }));
    return absl::OkStatus();
  }

  void OnCommandEnded(const absl::StatusOr<agent::ExecEnded>& ended) {
    terminal_.reset();  // before anything is said
    timer_.Cancel();
    if (ended.ok()) return End(ExitStatusOf(*ended), /*orderly=*/true);
    Fail(ended.status());
  }

  // When the VMM dies, the call breaks as well, and may be told first: the VMM's reason is better.
  void Fail(const absl::Status& status) {
    if (absl::IsCancelled(status)) return End(ExitStatusOf(status), /*orderly=*/true);
    failure_ = status;
    session_.reset();
    End(kExitOwnError, /*orderly=*/false);
  }

  void OnSignal(int number) {
    if (session_ != nullptr && !(number == SIGINT && interrupted_)) {
      interrupted_ = interrupted_ || number == SIGINT;
      return session_->Signal(number);
    }
    // Nothing runs yet, or the person has lost patience.
    End(kExitSignalBase + number, /*orderly=*/false);
  }

  void End(int exit_status, bool orderly) {
    if (ending_) return;
    terminal_.reset();
    ending_ = true;
    exit_status_ = exit_status;
    session_.reset();
    if (sandbox_ == nullptr) return loop_.Stop();
    sandbox_->Stop(orderly);
  }

  void OnSandboxEnded(const absl::Status& status) {
    if (!ending_ && status.ok()) {
      exit_status_ = 0;  // it powered off, and that is what it was for
    } else if (!ending_ || (!failure_.ok() && !status.ok())) {
      exit_status_ = ExitStatusOf(status);
    } else if (!failure_.ok()) {
      exit_status_ = ExitStatusOf(failure_);
    }
    loop_.Stop();
  }

  EventLoop& loop_;
  const RunOptions& options_;
  OutputPump console_;
  PrintableStream console_text_;
  int exit_status_ = kExitOwnError;
  bool interrupted_ = false;
  bool ending_ = false;
  absl::Status failure_;
  EventLoop::Timer timer_;
  std::unique_ptr<SignalSource> signals_;
  std::unique_ptr<ConsoleInput> input_;
  std::unique_ptr<Sandbox> sandbox_;
  std::unique_ptr<ExecSession> session_;
  std::unique_ptr<SessionTerminal> terminal_;
};

}  // namespace

int RunNative(const std::string& home, const RunOptions& options) {
  auto loop = EventLoop::Create();
  if (!loop.ok()) return ExitStatusOf(loop.status());
  NativeRun run(**loop, options);
  absl::Status status = run.Start(home);
  if (status.ok()) status = (*loop)->Run();
  if (!status.ok()) return ExitStatusOf(status);
  return run.exit_status();
}

}  // namespace voidbox

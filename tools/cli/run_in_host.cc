#include "tools/cli/run_in_host.h"

#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/errno_status.h"
#include "base/event_loop.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "sandbox/exec_session.h"
#include "sandbox/home.h"
#include "tools/cli/exit_status.h"
#include "tools/cli/output_format.h"
#include "tools/cli/session_terminal.h"
#include "tools/cli/signal_source.h"

namespace voidbox {
namespace {

constexpr char kInsideVariable[] = "VOIDBOX_INSIDE_EMULATED_HOST";
// For a voidbox that was killed there: its VMM sees that and cleans up.
constexpr uint32_t kKillGraceMs = 5000;

void AddVariable(agent::ExecRequest& request, absl::string_view name, absl::string_view value) {
  agent::EnvironmentVariable& variable = *request.add_environment();
  variable.set_name(std::string(name));
  variable.set_value(std::string(value));
}

// The cache, or where that cannot be made or written, as for services whose account has no home of
// its own, a folder of $VOIDBOX_HOME.
std::string UsableCache(const std::string& home) {
  const auto cache = VoidboxCache();
  if (cache.ok() && CreatePrivateDirectory(*cache).ok() && ::access(cache->c_str(), W_OK) == 0) {
    return *cache;
  }
  return absl::StrCat(home, "/cache");
}

std::string WorkingDirectory() {
  std::error_code error;
  const std::filesystem::path directory = std::filesystem::current_path(error);
  return error ? "/" : directory.string();
}

// One command in the host. Belongs to the loop's thread.
class HostRun {
 public:
  explicit HostRun(EventLoop& loop) : loop_(loop) {}

  absl::Status Start(const HostFiles& files, agent::ExecRequest request,
                     const HostRunOptions& options) {
    *request_.mutable_exec() = std::move(request);
    reason_ = options.reason;
    streams_ = options.streams;
    if (options.terminal) {
      *request_.mutable_exec()->mutable_terminal()->mutable_size() = SessionTerminal::Size();
    }
    ASSIGN_OR_RETURN(signals_,
                     SignalSource::Create(loop_, [this](int number) { OnSignal(number); }));
    HostCallOpener::Handlers handlers;
    handlers.progress = [this](const std::string& progress) {
      LogInfo(std::exchange(reason_, ""), progress);
    };
    handlers.opened = [this](absl::StatusOr<UniqueFd> stream) {
      absl::Status status = stream.status();
      if (absl::IsCancelled(status)) return;  // OnSignal is next
      if (status.ok()) status = StartCommand(*std::move(stream));
      if (!status.ok()) End(ExitStatusOf(status));
    };
    auto opener = HostCallOpener::Start(loop_, files, std::move(handlers), signals_->fd());
    if (absl::IsCancelled(opener.status())) return absl::OkStatus();  // OnSignal is next
    RETURN_IF_ERROR(opener.status());
    opener_ = *std::move(opener);
    return absl::OkStatus();
  }

  int exit_status() const { return exit_status_; }

 private:
  absl::Status StartCommand(UniqueFd stream) {
    const bool terminal = request_.exec().has_terminal();
    ASSIGN_OR_RETURN(
        session_,
        ExecSession::Start(
            loop_, std::move(stream), std::nullopt, std::move(request_), streams_,
            {.ended = [this](const absl::StatusOr<agent::ExecEnded>& ended) { OnEnded(ended); }}));
    if (!terminal) return absl::OkStatus();
    ASSIGN_OR_RETURN(terminal_,
                     SessionTerminal::Create(
                         loop_, [this](const agent::WindowSize& size) { session_->Resize(size); }));
    return absl::OkStatus();
  }

  void OnEnded(const absl::StatusOr<agent::ExecEnded>& ended) {
    terminal_.reset();  // before anything is said
    if (ended.ok()) return End(ExitStatusOf(*ended));
    if (absl::IsCancelled(ended.status())) return End(ExitStatusOf(ended.status()));
    End(ExitStatusOf(absl::Status(
        ended.status().code(), absl::StrCat("the emulated KVM host: ", ended.status().message()))));
  }

  void OnSignal(int number) {
    if (session_ != nullptr && interrupts_ < 2) {
      if (number == SIGINT) ++interrupts_;  // the second one makes the voidbox inside give up
      return session_->Signal(number);
    }
    End(kExitSignalBase + number);
  }

  void End(int exit_status) {
    exit_status_ = exit_status;
    loop_.Stop();
  }

  EventLoop& loop_;
  agent::Request request_;
  std::string reason_;
  ExecSession::Streams streams_;
  int interrupts_ = 0;
  int exit_status_ = kExitOwnError;
  std::unique_ptr<SignalSource> signals_;
  std::unique_ptr<HostCallOpener> opener_;
  std::unique_ptr<ExecSession> session_;
  std::unique_ptr<SessionTerminal> terminal_;
};

}  // namespace

absl::StatusOr<HostFiles> FindHostFiles(const Installation& installation, const std::string& home) {
  HostFiles files;
  files.home = home;
  files.cache = UsableCache(home);
  ASSIGN_OR_RETURN(files.broker, installation.Path(Installation::Item::kHostBroker));
  ASSIGN_OR_RETURN(files.kernel, installation.Path(Installation::Item::kHostKernel));
  ASSIGN_OR_RETURN(files.initramfs, installation.Path(Installation::Item::kHostInitramfs));
  ASSIGN_OR_RETURN(files.key, installation.Path(Installation::Item::kHostKey));
  if (const auto idle = ProcessEnvironment("VOIDBOX_HOST_IDLE")) {
    uint64_t seconds;
    if (!absl::SimpleAtoi(*idle, &seconds) || seconds < 1) {
      return absl::InvalidArgumentError(
          absl::StrCat("VOIDBOX_HOST_IDLE '", *idle, "' is not a number of seconds"));
    }
    files.idle_seconds = seconds;
  }
  return files;
}

bool IsOwnVariable(absl::string_view name) {
  for (const absl::string_view prefix : {"VOIDBOX_", "XDG_", "LC_"}) {
    if (absl::StartsWith(name, prefix)) return true;
  }
  for (const absl::string_view own : {"HOME", "PATH", "USER", "LANG", "TERM", "TZ", "TMPDIR"}) {
    if (name == own) return true;
  }
  return false;
}

agent::ExecRequest HostRequestFor(const std::vector<std::string>& argv, const std::string& home,
                                  const std::function<bool(absl::string_view name)>& passes) {
  agent::ExecRequest request;
  for (const std::string& argument : argv) request.add_argv(argument);
  for (char** entry = ::environ; *entry != nullptr; ++entry) {
    const absl::string_view text = *entry;
    const size_t equals = text.find('=');
    if (equals == absl::string_view::npos || equals == 0) continue;
    const absl::string_view name = text.substr(0, equals);
    if (name == kInsideVariable || name == "VOIDBOX_HOME" || name == kOutputIsTerminalVariable ||
        name == kErrorIsTerminalVariable || !passes(name)) {
      continue;
    }
    AddVariable(request, name, text.substr(equals + 1));
  }
  AddVariable(request, kInsideVariable, "1");
  if (::isatty(STDOUT_FILENO) == 1) AddVariable(request, kOutputIsTerminalVariable, "1");
  if (::isatty(STDERR_FILENO) == 1) AddVariable(request, kErrorIsTerminalVariable, "1");
  AddVariable(request, "VOIDBOX_HOME", home);
  request.set_working_directory(WorkingDirectory());
  request.set_kill_grace_ms(kKillGraceMs);
  return request;
}

bool IsInsideHost() { return ProcessEnvironment(kInsideVariable).has_value(); }

namespace {

int RunRequest(const HostFiles& files, agent::ExecRequest request, const HostRunOptions& options) {
  if (options.leaves_directory && ::chdir("/") != 0) return ExitStatusOf(ErrnoStatus("chdir /"));
  auto loop = EventLoop::Create();
  if (!loop.ok()) return ExitStatusOf(loop.status());
  HostRun run(**loop);
  absl::Status status = run.Start(files, std::move(request), options);
  if (status.ok()) status = (*loop)->Run();
  if (!status.ok()) return ExitStatusOf(status);
  return run.exit_status();
}

}  // namespace

int RunInHost(const HostFiles& files, const std::vector<std::string>& argv,
              const HostRunOptions& options) {
  const auto every = [](absl::string_view) { return true; };
  return RunRequest(files, HostRequestFor(argv, files.home, every), options);
}

int RunSelfInHost(const Installation& installation, const std::vector<std::string>& arguments,
                  const HostRunOptions& options) {
  const auto home = VoidboxHome();
  if (!home.ok()) return ExitStatusOf(home.status());
  const auto files = FindHostFiles(installation, *home);
  if (!files.ok()) return ExitStatusOf(files.status());
  std::vector<std::string> argv = {installation.executable()};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  std::set<std::string, std::less<>> for_guest;
  for (const std::string& variable : options.guest_variables) {
    if (!absl::StrContains(variable, '=')) for_guest.insert(variable);
  }
  const auto passes = [&](absl::string_view name) {
    return IsOwnVariable(name) || for_guest.count(name) != 0;
  };
  return RunRequest(*files, HostRequestFor(argv, *home, passes), options);
}

}  // namespace voidbox

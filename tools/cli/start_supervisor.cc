#include "tools/cli/start_supervisor.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "base/event_loop.h"
#include "base/io.h"
#include "base/pipe.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "sandbox/child_process.h"
#include "tools/cli/exit_status.h"
#include "tools/cli/signal_source.h"
#include "tools/cli/supervisor.h"

namespace voidbox {
namespace {

// An id and a newline are far less.
constexpr size_t kMaxReportBytes = 4096;

// The one who waits for a supervisor. Belongs to the loop's thread.
class Starter {
 public:
  explicit Starter(EventLoop& loop) : loop_(loop) {}

  absl::Status Start(const Invocation& invocation) {
    ASSIGN_OR_RETURN(signals_, SignalSource::Create(loop_, [this](int number) {
                       supervisor_.Signal(SIGTERM);
                       exit_status_ = kExitSignalBase + number;
                       loop_.Stop();
                     }));
    ASSIGN_OR_RETURN(Pipe report, NewPipe());
    ASSIGN_OR_RETURN(Pipe errors, NewPipe());
    const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    if (!null) return ErrnoStatus("/dev/null");
    SpawnOptions spawn;
    spawn.argv = {invocation.installation.executable()};
    spawn.argv.insert(spawn.argv.end(), invocation.arguments.begin(), invocation.arguments.end());
    spawn.environment.emplace();
    for (char** entry = ::environ; *entry != nullptr; ++entry) {
      spawn.environment->push_back(*entry);
    }
    spawn.environment->push_back(absl::StrCat(kSupervisorVariable, "=1"));
    spawn.descriptors = {{null.get(), 0}, {report.write.get(), 1}, {errors.write.get(), 2}};
    spawn.new_session = true;
    ASSIGN_OR_RETURN(supervisor_, ChildProcess::Spawn(spawn));
    report_ = std::move(report.read);
    errors_ = std::move(errors.read);
    ASSIGN_OR_RETURN(report_watch_,
                     loop_.Add(report_.get(), EPOLLIN, [this](uint32_t) { OnReport(); }));
    ASSIGN_OR_RETURN(errors_watch_,
                     loop_.Add(errors_.get(), EPOLLIN, [this](uint32_t) { OnErrors(); }));
    return absl::OkStatus();
  }

  int exit_status() const { return exit_status_; }

 private:
  void OnReport() {
    char bytes[kMaxReportBytes];
    const ssize_t got = ::read(report_.get(), bytes, sizeof(bytes));
    if (got > 0) {
      text_.append(bytes, static_cast<size_t>(got));
      if (text_.find('\n') == std::string::npos && text_.size() < kMaxReportBytes) return;
      supervisor_.Release();
      std::fputs(text_.c_str(), stdout);
      exit_status_ = 0;
      return loop_.Stop();
    }
    // It has failed, and says why on the other pipe.
    report_watch_.Reset();
    while (OnErrors()) {
    }
    const auto status = supervisor_.Wait();
    exit_status_ = status.ok() && WIFEXITED(*status) && WEXITSTATUS(*status) != 0
                       ? WEXITSTATUS(*status)
                       : kExitOwnError;
    loop_.Stop();
  }

  bool OnErrors() {
    char bytes[4096];
    const ssize_t got = ::read(errors_.get(), bytes, sizeof(bytes));
    if (got > 0 &&
        WriteAll(STDERR_FILENO, absl::string_view(bytes, static_cast<size_t>(got))).ok()) {
      return true;
    }
    errors_watch_.Reset();
    return false;
  }

  EventLoop& loop_;
  int exit_status_ = kExitOwnError;
  std::unique_ptr<SignalSource> signals_;
  ChildProcess supervisor_;
  UniqueFd report_;
  UniqueFd errors_;
  std::string text_;
  EventLoop::Watch report_watch_;
  EventLoop::Watch errors_watch_;
};

}  // namespace

int StartSupervisor(const Invocation& invocation) {
  auto loop = EventLoop::Create();
  if (!loop.ok()) return ExitStatusOf(loop.status());
  Starter starter(**loop);
  absl::Status status = starter.Start(invocation);
  if (status.ok()) status = (*loop)->Run();
  return status.ok() ? starter.exit_status() : ExitStatusOf(status);
}

}  // namespace voidbox

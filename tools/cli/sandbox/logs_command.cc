#include "tools/cli/sandbox/logs_command.h"

#include <poll.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <functional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/agent.pb.h"
#include "base/errno_status.h"
#include "base/frame.h"
#include "base/io.h"
#include "base/printable_text.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "sandbox/rotating_log.h"
#include "tools/cli/exit_status.h"
#include "tools/cli/output_format.h"
#include "tools/cli/sandbox/sandboxes.h"

namespace voidbox {
namespace {

// Beside the owner's end: a file system that tells nobody of changes is looked at so often.
constexpr int kLookMs = 1000;

absl::Status Print(int fd, absl::string_view text) {
  const absl::Status status = WriteAll(fd, text);
  return status.ok() ? status : absl::CancelledError("its reader is gone");
}

// Writes to a standard stream what a guest wrote; to a terminal, what does not command it.
class Printer {
 public:
  Printer(int fd, bool is_terminal) : fd_(fd), is_terminal_(is_terminal) {}
  absl::Status Take(absl::string_view piece) {
    return is_terminal_ ? Print(fd_, text_.Take(piece)) : Print(fd_, piece);
  }

 private:
  const int fd_;
  const bool is_terminal_;
  PrintableStream text_;
};

// Writes the output log's frames to where the command wrote them.
class OutputPrinter {
 public:
  absl::Status Take(absl::string_view piece) {
    reader_.Append(piece);
    for (;;) {
      ASSIGN_OR_RETURN(const auto payload, reader_.Next());
      if (!payload.has_value()) return absl::OkStatus();
      agent::ServerFrame frame;
      if (!frame.ParseFromArray(payload->data(), static_cast<int>(payload->size()))) {
        return absl::DataLossError("the log is broken");
      }
      if (frame.has_stdout()) RETURN_IF_ERROR(output_.Take(frame.stdout()));
      if (frame.has_stderr()) RETURN_IF_ERROR(error_.Take(frame.stderr()));
    }
  }

 private:
  FrameReader reader_;
  Printer output_{STDOUT_FILENO, OutputIsTerminal()};
  Printer error_{STDERR_FILENO, ErrorIsTerminal()};
};

// Waits for a change in `directory`, or the owner's end. False after the latter.
absl::StatusOr<bool> AwaitChange(int watch, int owner) {
  pollfd waits[] = {{.fd = watch, .events = POLLIN, .revents = 0},
                    {.fd = owner, .events = POLLIN, .revents = 0}};
  if (::poll(waits, 2, kLookMs) < 0 && errno != EINTR) return ErrnoStatus("poll");
  if (waits[0].revents != 0) {
    char events[4096];
    [[maybe_unused]] const ssize_t got = ::read(watch, events, sizeof(events));
  }
  return waits[1].revents == 0;
}

absl::Status ShowLog(const SandboxRecord& record, const std::string& directory,
                     const std::string& name, bool follow,
                     const std::function<absl::Status(absl::string_view)>& take) {
  RotatingLogReader reader(absl::StrCat(directory, "/", name));
  const UniqueFd owner(static_cast<int>(::syscall(SYS_pidfd_open, record.owner.pid, 0)));
  const bool lives = !HasEnded(record) && owner && IsAlive(record.owner);
  if (!follow || !lives) return reader.Read(take);
  // Before the first reading, so that nothing between is missed.
  const UniqueFd watch(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!watch) return ErrnoStatus("inotify_init1");
  if (::inotify_add_watch(watch.get(), directory.c_str(), IN_MODIFY | IN_CREATE | IN_MOVED_TO) <
      0) {
    return ErrnoStatus(directory);
  }
  for (bool more = true; more;) {
    RETURN_IF_ERROR(reader.Read(take));
    ASSIGN_OR_RETURN(more, AwaitChange(watch.get(), owner.get()));
  }
  return reader.Read(take);
}

}  // namespace

FlagParser LogsCommand::AddTo(FlagParser app) {
  const FlagParser logs = app.AddCommand("logs", "Show what a detached sandbox' command wrote");
  logs.Add("ID", name_, "name, id or beginning of an id").Required();
  logs.AddSwitch("-f,--follow", follow_, "go on until the sandbox ends");
  logs.AddSwitch("--console", console_,
                 "what the guest printed on its console; so it is for a sandbox without a command");
  logs.SetFooter(
      "Of each, the last 16 MiB are kept at least.\n\n"
      "Examples:\n  voidbox logs -f web\n  voidbox logs --console web | tail");
  return logs;
}

int LogsCommand::Show() const {
  auto sandboxes = Sandboxes::Open();
  if (!sandboxes.ok()) return ExitStatusOf(sandboxes.status());
  const auto record = sandboxes->Find(name_);
  if (!record.ok()) return ExitStatusOf(record.status());
  if (!record->detached) {
    return ExitStatusOf(absl::FailedPreconditionError(
        absl::StrCat("sandbox ", name_, " is not detached: its output is where it was started")));
  }
  const std::string directory = sandboxes->detached().Directory(record->id);
  absl::Status status;
  if (console_ || record->command.empty()) {
    Printer printer(STDOUT_FILENO, OutputIsTerminal());
    status = ShowLog(*record, directory, DetachedStore::kConsoleLog, follow_,
                     [&](absl::string_view text) { return printer.Take(text); });
  } else {
    OutputPrinter printer;
    status = ShowLog(*record, directory, DetachedStore::kOutputLog, follow_,
                     [&](absl::string_view piece) { return printer.Take(piece); });
  }
  return status.ok() ? 0 : ExitStatusOf(status);
}

int LogsCommand::Run(const Invocation& invocation) {
  return RunWhereSandboxesLive(invocation, [this] { return Show(); });
}

}  // namespace voidbox

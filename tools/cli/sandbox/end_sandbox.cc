#include "tools/cli/sandbox/end_sandbox.h"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"

namespace voidbox {
namespace {

// For a process that was told to end at once, and for its VMM.
constexpr absl::Duration kKillPatience = absl::Seconds(10);

// A descriptor of the process, which it is until it is closed; none when it has ended.
absl::StatusOr<UniqueFd> Open(const ProcessIdentity& process) {
  UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_open, process.pid, 0)));
  if (!fd && errno != ESRCH) return ErrnoStatus(absl::StrCat("process ", process.pid));
  // After the descriptor was made: the number is not given to another one meanwhile.
  if (fd && !IsAlive(process)) fd.Reset();
  return fd;
}

absl::Status Signal(const UniqueFd& process, int number) {
  if (::syscall(SYS_pidfd_send_signal, process.get(), number, nullptr, 0) == 0 || errno == ESRCH) {
    return absl::OkStatus();
  }
  return ErrnoStatus("cannot signal the sandbox' owner");
}

// False when the time is up.
bool AwaitEnd(const UniqueFd& process, absl::Duration patience) {
  pollfd wait = {.fd = process.get(), .events = POLLIN, .revents = 0};
  const int64_t ms = absl::ToInt64Milliseconds(patience);
  return ::poll(&wait, 1, static_cast<int>(std::min<int64_t>(ms, INT_MAX))) == 1;
}

}  // namespace

absl::Status EndSandbox(const SandboxRecord& record, bool orderly, absl::Duration patience) {
  ASSIGN_OR_RETURN(const UniqueFd owner, Open(record.owner));
  ASSIGN_OR_RETURN(const UniqueFd vmm, Open(record.vmm));
  if (owner) {
    // A detached one's owner takes INT as "at once"; another would pass it on to its command.
    RETURN_IF_ERROR(Signal(owner, orderly ? SIGTERM : record.detached ? SIGINT : SIGKILL));
    if (!AwaitEnd(owner, orderly ? patience : kKillPatience)) {
      RETURN_IF_ERROR(Signal(owner, SIGKILL));
      AwaitEnd(owner, kKillPatience);
    }
  }
  // It ends with its owner, which holds its lifeline.
  if (vmm && !AwaitEnd(vmm, kKillPatience)) {
    RETURN_IF_ERROR(Signal(vmm, SIGKILL));
    if (!AwaitEnd(vmm, kKillPatience)) {
      return absl::DeadlineExceededError(absl::StrCat("sandbox ", record.id, ": its VMM (process ",
                                                      record.vmm.pid,
                                                      ") does not end though it was killed"));
    }
  }
  return absl::OkStatus();
}

}  // namespace voidbox

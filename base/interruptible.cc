#include "base/interruptible.h"

#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/errno_status.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"

namespace voidbox {
namespace {

// 0, or errno.
int Lock(int fd, int operation) {
  while (::flock(fd, operation) != 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

// A child that waits for the lock and ends with Lock's result. A lock belongs to the open file,
// which the child shares with us. System calls only.
pid_t ForkToLock(int fd) {
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child != 0) return child;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(ECANCELED);  // it died before the line above
  // What others wait for the end of, the lock's holder in our own process included.
  const auto number = static_cast<unsigned>(fd);
  if (number > 0) ::close_range(0, number - 1, 0);
  ::close_range(number + 1, ~0u, 0);
  ::_exit(Lock(fd, LOCK_EX));
}

}  // namespace

absl::Status WaitReadable(int fd, int interrupt, absl::Duration limit) {
  const absl::Time deadline = absl::Now() + limit;
  pollfd fds[] = {{.fd = fd, .events = POLLIN, .revents = 0},
                  {.fd = interrupt, .events = POLLIN, .revents = 0}};  // poll passes over -1
  for (;;) {
    const absl::Duration left = std::max(deadline - absl::Now(), absl::ZeroDuration());
    const timespec wait = absl::ToTimespec(left);
    const int ready =
        ::ppoll(fds, 2, deadline == absl::InfiniteFuture() ? nullptr : &wait, nullptr);
    if (ready > 0) break;
    if (ready == 0) {
      return absl::DeadlineExceededError(
          absl::StrCat("nothing came for ", absl::FormatDuration(limit)));
    }
    if (errno != EINTR) return ErrnoStatus("poll");
  }
  if (fds[1].revents != 0) return absl::CancelledError("interrupted");
  return absl::OkStatus();
}

absl::Status LockExclusively(int fd, int interrupt) {
  const int now = Lock(fd, interrupt < 0 ? LOCK_EX : LOCK_EX | LOCK_NB);
  if (now == 0) return absl::OkStatus();
  if (now != EWOULDBLOCK) return ErrnoStatus("flock", now);
  // Nothing but a signal interrupts flock(2), and a signal that comes just before it would be lost:
  // a child waits, which can be killed at any time.
  const pid_t child = ForkToLock(fd);
  if (child < 0) return ErrnoStatus("fork");
  const UniqueFd ended(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  absl::Status status = ended ? WaitReadable(ended.get(), interrupt) : ErrnoStatus("pidfd_open");
  if (!status.ok()) ::kill(child, SIGKILL);
  int result = 0;
  while (::waitpid(child, &result, 0) < 0) {
    if (errno != EINTR) return ErrnoStatus("waitpid");
  }
  RETURN_IF_ERROR(status);
  if (!WIFEXITED(result)) return absl::UnavailableError("flock: its waiting child was killed");
  return WEXITSTATUS(result) == 0 ? absl::OkStatus() : ErrnoStatus("flock", WEXITSTATUS(result));
}

}  // namespace voidbox

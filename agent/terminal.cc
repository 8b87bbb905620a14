#include "agent/terminal.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "base/errno_status.h"
#include "base/ioctl.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

constexpr gid_t kTtyGroup = 5;  // Debian's and Alpine's
constexpr mode_t kTtyMode = 0620;

}  // namespace

absl::StatusOr<Terminal> OpenTerminal(const TerminalSize& size,
                                      const std::optional<Account>& owner) {
  Terminal terminal;
  terminal.ours.Reset(::open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
  if (!terminal.ours) return ErrnoStatus("/dev/ptmx");
  const int ours = terminal.ours.get();
  int locked = 0;
  RETURN_IF_ERROR(Ioctl(ours, TIOCSPTLCK, "TIOCSPTLCK", &locked).status());
  // By no path, which may lead to another instance of devpts.
  ASSIGN_OR_RETURN(const int commands,
                   Ioctl(ours, TIOCGPTPEER, "TIOCGPTPEER", O_RDWR | O_NOCTTY | O_CLOEXEC));
  terminal.commands.Reset(commands);
  if (owner &&
      (::fchown(commands, owner->uid, kTtyGroup) != 0 || ::fchmod(commands, kTtyMode) != 0)) {
    return ErrnoStatus("owner of the terminal");
  }
  RETURN_IF_ERROR(ResizeTerminal(ours, size));
  return terminal;
}

absl::Status ResizeTerminal(int ours, const TerminalSize& size) {
  const winsize window = {
      .ws_row = size.rows, .ws_col = size.columns, .ws_xpixel = 0, .ws_ypixel = 0};
  return Ioctl(ours, TIOCSWINSZ, "TIOCSWINSZ", &window).status();
}

pid_t ForegroundGroup(int ours) {
  pid_t group = 0;
  return Ioctl(ours, TIOCGPGRP, "TIOCGPGRP", &group).ok() && group > 0 ? group : 0;
}

}  // namespace voidbox

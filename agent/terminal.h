#ifndef VOIDBOX_AGENT_TERMINAL_H_
#define VOIDBOX_AGENT_TERMINAL_H_

#include <sys/types.h>

#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/accounts.h"
#include "agent/command.h"
#include "base/unique_fd.h"

namespace voidbox {

// A pseudo-terminal of a command: our side, non-blocking, and the command's. See pty(7). Each end
// of ours that is closed hangs the terminal up when it is the last one.
struct Terminal {
  UniqueFd ours;
  UniqueFd commands;
};

// The command's side belongs to `owner`, if there is one, so that it can be opened by its name.
absl::StatusOr<Terminal> OpenTerminal(const TerminalSize& size,
                                      const std::optional<Account>& owner);

// Whose foreground group then gets SIGWINCH.
absl::Status ResizeTerminal(int ours, const TerminalSize& size);

// The process group that has the terminal now; 0 for none.
pid_t ForegroundGroup(int ours);

// Bytes that a terminal may hold at most on their way to us: the buffer of a line discipline and
// those of the driver (drivers/tty/n_tty.c, tty_buffer.c), generously.
inline constexpr size_t kMaxTerminalBytes = 256 << 10;
// Ctrl-D, which a terminal in its usual mode takes for the end of input.
inline constexpr char kEndOfInput = '\x04';

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_TERMINAL_H_

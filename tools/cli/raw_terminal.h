#ifndef VOIDBOX_TOOLS_CLI_RAW_TERMINAL_H_
#define VOIDBOX_TOOLS_CLI_RAW_TERMINAL_H_

#include <termios.h>

namespace voidbox {

// The terminal `fd` in a mode for a guest's console, as long as this object lives: every key goes
// to the guest, unechoed and at once, but for Ctrl-], which is SIGINT. Nothing happens where `fd`
// is no terminal.
class RawTerminal {
 public:
  explicit RawTerminal(int fd);
  ~RawTerminal();
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

  bool active() const { return active_; }

 private:
  const int fd_;
  bool active_ = false;
  termios before_ = {};
};

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_RAW_TERMINAL_H_

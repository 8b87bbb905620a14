#ifndef VOIDBOX_TOOLS_CLI_RAW_TERMINAL_H_
#define VOIDBOX_TOOLS_CLI_RAW_TERMINAL_H_

#include <termios.h>

namespace voidbox {

// The terminal `fd` in a mode for a program elsewhere, as long as this object lives: every key goes
// there, unechoed and at once. Nothing happens where `fd` is no terminal.
class RawTerminal {
 public:
  enum class Keys {
    kAll,          // for a program that has a terminal itself and minds Ctrl-C there
    kAllButLeave,  // Ctrl-] is SIGINT here: for a console, which nothing else ends
  };
  RawTerminal(int fd, Keys keys);
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

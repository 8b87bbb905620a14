#include "tools/cli/raw_terminal.h"

#include <unistd.h>

namespace voidbox {
namespace {

constexpr cc_t kLeave = 0x1d;  // Ctrl-]

}  // namespace

RawTerminal::RawTerminal(int fd, Keys keys) : fd_(fd) {
  if (::tcgetattr(fd_, &before_) != 0) return;
  termios raw = before_;
  ::cfmakeraw(&raw);
  if (keys == Keys::kAllButLeave) {
    // Lines that we print ourselves still begin on the left.
    raw.c_oflag |= OPOST | ONLCR;
    raw.c_lflag |= ISIG;
    for (cc_t& key : raw.c_cc) key = _POSIX_VDISABLE;
    raw.c_cc[VINTR] = kLeave;
  }
  raw.c_cc[VMIN] = 1;
  raw.c_cc[VTIME] = 0;
  active_ = ::tcsetattr(fd_, TCSADRAIN, &raw) == 0;
}

RawTerminal::~RawTerminal() {
  if (active_) ::tcsetattr(fd_, TCSADRAIN, &before_);
}

}  // namespace voidbox

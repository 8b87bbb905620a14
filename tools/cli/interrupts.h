#ifndef VOIDBOX_TOOLS_CLI_INTERRUPTS_H_
#define VOIDBOX_TOOLS_CLI_INTERRUPTS_H_

#include <signal.h>

#include <array>

#include "absl/status/status.h"

namespace voidbox {

// While it lives, INT, TERM and HUP do not end the process but are remembered, for an operation
// that cleans up when it asks; system calls that wait return EINTR. A file that would grow beyond
// the process' limit is an error (EFBIG) instead of the end. For the main thread, one at a time.
class Interrupts {
 public:
  Interrupts();
  ~Interrupts();

  // The last signal that came, or 0.
  int signal() const;
  // CANCELLED once one came.
  absl::Status Check() const;

 private:
  static constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP, SIGXFSZ};
  std::array<struct sigaction, std::size(kSignals)> before_ = {};
};

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_INTERRUPTS_H_

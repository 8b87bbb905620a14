#ifndef VOIDBOX_TOOLS_CLI_SESSION_TERMINAL_H_
#define VOIDBOX_TOOLS_CLI_SESSION_TERMINAL_H_

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "agent/agent.pb.h"
#include "base/event_loop.h"
#include "tools/cli/raw_terminal.h"
#include "tools/cli/window_size.h"

namespace voidbox {

// This process' terminal, standard input and output, while it is that of a command elsewhere: keys
// go there, and so do changes of its size. The terminal is as before at the end of this object's
// life. Where standard input is no terminal, only the size is told.
class SessionTerminal {
 public:
  static absl::StatusOr<std::unique_ptr<SessionTerminal>> Create(EventLoop& loop,
                                                                 WindowSizeWatch::Handler resized);
  // Of standard output, else of standard input, else what a terminal had in 1978.
  static agent::WindowSize Size();

 private:
  SessionTerminal();

  RawTerminal raw_;
  std::unique_ptr<WindowSizeWatch> sizes_;
};

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_SESSION_TERMINAL_H_

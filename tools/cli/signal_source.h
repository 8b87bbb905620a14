#ifndef VOIDBOX_TOOLS_CLI_SIGNAL_SOURCE_H_
#define VOIDBOX_TOOLS_CLI_SIGNAL_SOURCE_H_

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"

namespace voidbox {

// The signals that `run` forwards (INT, TERM, HUP, QUIT) as events of a loop. They stay blocked in
// the thread to the end of the process. One that was ignored when the program started stays so, as
// nohup(1) expects.
class SignalSource {
 public:
  static absl::StatusOr<std::unique_ptr<SignalSource>> Create(EventLoop& loop,
                                                              std::function<void(int)> handler);

  // Readable while a signal waits for the loop.
  int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
  EventLoop::Watch watch_;
};

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_SIGNAL_SOURCE_H_

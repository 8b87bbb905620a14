#ifndef VOIDBOX_TOOLS_CLI_WINDOW_SIZE_H_
#define VOIDBOX_TOOLS_CLI_WINDOW_SIZE_H_

#include <functional>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "agent/agent.pb.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"

namespace voidbox {

// Of the terminal `fd`; none where it is no terminal, and 24 by 80 where it does not say.
std::optional<agent::WindowSize> WindowSizeOf(int fd);

// Tells of every change of the terminal's size, by SIGWINCH, which stays blocked in the thread to
// the end of the process.
class WindowSizeWatch {
 public:
  using Handler = std::function<void(const agent::WindowSize&)>;
  static absl::StatusOr<std::unique_ptr<WindowSizeWatch>> Create(EventLoop& loop, int fd,
                                                                 Handler handler);

 private:
  UniqueFd signals_;
  EventLoop::Watch watch_;
};

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_WINDOW_SIZE_H_

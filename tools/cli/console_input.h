#ifndef VOIDBOX_TOOLS_CLI_CONSOLE_INPUT_H_
#define VOIDBOX_TOOLS_CLI_CONSOLE_INPUT_H_

#include <memory>

#include "absl/status/statusor.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"
#include "sandbox/output_pump.h"

namespace voidbox {

// Passes what is typed (or comes from a pipe or a file) on to a guest's console. The VMM gets a
// pipe, not the terminal itself. Belongs to its loop's thread.
class ConsoleInput {
 public:
  // `fd` is borrowed.
  static absl::StatusOr<std::unique_ptr<ConsoleInput>> Create(EventLoop& loop, int fd);

  // What the VMM reads; to be given up once it has it, so that its end is noticed.
  int vmm_end() const { return read_.get(); }
  void ReleaseVmmEnd() { read_.Reset(); }

 private:
  ConsoleInput(EventLoop& loop, int fd, UniqueFd read, UniqueFd write);
  absl::Status Watch();
  void Read();
  void OnPumpChanged();
  void End();

  EventLoop& loop_;
  const int fd_;
  bool always_ready_ = false;  // a regular file, which epoll does not take
  bool posted_ = false;        // a Read of one
  bool ended_ = false;         // nothing more comes
  UniqueFd read_, write_;
  std::unique_ptr<OutputPump> pump_;
  EventLoop::Watch watch_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for what is posted
};

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_CONSOLE_INPUT_H_

#ifndef VOIDBOX_AGENT_EXEC_INPUT_H_
#define VOIDBOX_AGENT_EXEC_INPUT_H_

#include <cstddef>
#include <functional>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "agent/byte_queue.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"

namespace voidbox {

// What is on its way to a command's standard input, a pipe or a terminal. Belongs to the loop's
// thread.
class ExecInput {
 public:
  // Bytes that wait for the process; beyond them, who brings more should pause.
  static constexpr size_t kLimit = 128 << 10;

  // Called, as an event's last act, when some of what waited is written or dropped.
  using Written = std::function<void()>;
  ExecInput(EventLoop& loop, Written written) : loop_(loop), written_(std::move(written)) {}

  // `pipe` is non-blocking. Without it, input is dropped: nobody reads it.
  void Open(UniqueFd pipe, bool is_terminal) {
    pipe_ = std::move(pipe);
    is_terminal_ = is_terminal;
  }
  bool HasRoom() const { return bytes_.size() < kLimit; }
  // An error when the loop cannot watch the pipe, which is then closed.
  absl::Status Write(absl::string_view bytes);
  // What was written is all; a terminal gets Ctrl-D behind it.
  absl::Status End();
  bool ended() const { return ends_; }
  void Close();

 private:
  absl::Status Flush();

  EventLoop& loop_;
  const Written written_;
  ByteQueue bytes_;
  bool ends_ = false;
  bool is_terminal_ = false;
  UniqueFd pipe_;
  EventLoop::Watch watch_;  // while the pipe is full
};

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_EXEC_INPUT_H_

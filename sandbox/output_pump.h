#ifndef VOIDBOX_SANDBOX_OUTPUT_PUMP_H_
#define VOIDBOX_SANDBOX_OUTPUT_PUMP_H_

#include <cstddef>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"

namespace voidbox {

// Writes bytes to a descriptor that others share (a terminal, a pipe to the next program), without
// making it non-blocking, which the others would notice, and without waiting for its reader.
// Belongs to its loop's thread.
class OutputPump {
 public:
  // A producer should pause beyond so many waiting bytes.
  static constexpr size_t kFullBytes = 256 << 10;

  // `fd` is borrowed; somebody may watch it for input. `changed` is called when waiting bytes have
  // become fewer or none, or the descriptor broke. SIGPIPE is ignored by the program.
  OutputPump(EventLoop& loop, int fd, std::function<void()> changed)
      : loop_(loop), fd_(fd), changed_(std::move(changed)) {}

  void Write(absl::string_view bytes);
  bool IsFull() const { return bytes_.size() - done_ >= kFullBytes; }
  bool IsEmpty() const { return done_ == bytes_.size(); }
  // Why the descriptor takes no more; its bytes are dropped then. CANCELLED when nobody reads it.
  const absl::Status& status() const { return status_; }

 private:
  void WriteSome();
  void WritePiece();
  absl::Status Watch();
  void Fail(const absl::Status& status);

  EventLoop& loop_;
  const int fd_;
  const std::function<void()> changed_;
  absl::Status status_;
  std::string bytes_;
  size_t done_ = 0;
  bool always_ready_ = false;  // a regular file, which epoll does not take
  UniqueFd
      watched_;  // a duplicate of fd_: epoll takes a descriptor once, and a socket is both ways
  EventLoop::Watch watch_;
};

}  // namespace voidbox

#endif  // VOIDBOX_SANDBOX_OUTPUT_PUMP_H_

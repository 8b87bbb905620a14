#ifndef VOIDBOX_VMM_CONSOLE_H_
#define VOIDBOX_VMM_CONSOLE_H_

#include <atomic>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "base/event_loop.h"
#include "devices/serial.h"

namespace voidbox {

// Joins the guest's serial port to the host's descriptors. Output is never waited for: what the
// descriptor does not take at once is dropped and counted. Transmit is called by vCPU threads (the
// serial port's lock orders them), the rest by the event loop's.
class Console {
 public:
  // Both descriptors are borrowed; 0 for none. `output_fd` becomes non-blocking.
  Console(int output_fd, int input_fd) : output_fd_(output_fd), input_fd_(input_fd) {}

  void Transmit(char c);
  // Begins to read `input_fd` for the guest. `serial` outlives the console's watch.
  absl::Status StartInput(EventLoop& loop, Serial& serial);
  // There is room in the receiver again. Event loop's thread.
  void ResumeInput();
  // While paused, what comes for the guest waits in its descriptor. Event loop's thread.
  void SetPaused(bool paused);

  uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  uint64_t dropped_bytes() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  absl::Status WatchInput();
  void ReadInput();
  void DeliverInput();

  const int output_fd_;
  const int input_fd_;
  std::atomic<uint64_t> bytes_ = 0;
  std::atomic<uint64_t> dropped_ = 0;
  EventLoop* loop_ = nullptr;
  Serial* serial_ = nullptr;
  bool paused_ = false;
  bool input_ended_ = false;
  std::string pending_input_;  // read, but not yet taken by the receiver; at most one read's worth
  EventLoop::Watch input_watch_;
};

}  // namespace voidbox

#endif  // VOIDBOX_VMM_CONSOLE_H_

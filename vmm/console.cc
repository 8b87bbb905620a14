#include "vmm/console.h"

#include <unistd.h>

#include <utility>

#include "base/status_macros.h"

namespace voidbox {
namespace {

constexpr size_t kInputPiece = 256;

}  // namespace

void Console::Transmit(char c) {
  bytes_.fetch_add(1, std::memory_order_relaxed);
  if (output_fd_ <= 0) return;
  if (::write(output_fd_, &c, 1) != 1) dropped_.fetch_add(1, std::memory_order_relaxed);
}

absl::Status Console::StartInput(EventLoop& loop, Serial& serial) {
  if (input_fd_ <= 0) return absl::OkStatus();
  serial_ = &serial;
  loop_ = &loop;
  return WatchInput();
}

absl::Status Console::WatchInput() {
  ASSIGN_OR_RETURN(input_watch_,
                   loop_->Add(input_fd_, pending_input_.empty() ? uint32_t{EPOLLIN} : 0,
                              [this](uint32_t) { ReadInput(); }));
  return absl::OkStatus();
}

void Console::ResumeInput() {
  if (serial_ != nullptr && !paused_) DeliverInput();
}

void Console::SetPaused(bool paused) {
  if (serial_ == nullptr || std::exchange(paused_, paused) == paused) return;
  // A hang-up would be reported to a watch for no events, for ever.
  if (paused) return input_watch_.Reset();
  if (!input_ended_) input_ended_ = !WatchInput().ok();
  DeliverInput();
}

void Console::ReadInput() {
  char piece[kInputPiece];
  const ssize_t got = ::read(input_fd_, piece, sizeof(piece));
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (got <= 0) {
    input_ended_ = true;
    input_watch_.Reset();
    return;
  }
  pending_input_.assign(piece, static_cast<size_t>(got));
  DeliverInput();
}

void Console::DeliverInput() {
  pending_input_.erase(0, serial_->Receive(pending_input_));
  if (!input_watch_) return;
  [[maybe_unused]] const absl::Status status =
      input_watch_.SetEvents(pending_input_.empty() ? uint32_t{EPOLLIN} : 0);
}

}  // namespace voidbox

#include "tools/cli/console_input.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/errno_status.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

constexpr size_t kPieceBytes = 4096;

}  // namespace

absl::StatusOr<std::unique_ptr<ConsoleInput>> ConsoleInput::Create(EventLoop& loop, int fd) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return ErrnoStatus("pipe2");
  std::unique_ptr<ConsoleInput> input(
      new ConsoleInput(loop, fd, UniqueFd(ends[0]), UniqueFd(ends[1])));
  RETURN_IF_ERROR(input->Watch());
  return input;
}

ConsoleInput::ConsoleInput(EventLoop& loop, int fd, UniqueFd read, UniqueFd write)
    : loop_(loop), fd_(fd), read_(std::move(read)), write_(std::move(write)) {
  pump_ = std::make_unique<OutputPump>(loop_, write_.get(), [this, alive = std::weak_ptr(alive_)] {
    if (!alive.expired()) OnPumpChanged();
  });
}

absl::Status ConsoleInput::Watch() {
  if (!always_ready_) {
    auto watch = loop_.Add(fd_, EPOLLIN, [this](uint32_t) { Read(); });
    if (watch.ok()) {
      watch_ = *std::move(watch);
      return absl::OkStatus();
    }
    if (!absl::IsPermissionDenied(watch.status())) return watch.status();
    always_ready_ = true;  // EPERM
  }
  posted_ = true;
  loop_.Post([this, alive = std::weak_ptr(alive_)] {
    if (alive.expired()) return;
    posted_ = false;
    if (!ended_) Read();
  });
  return absl::OkStatus();
}

void ConsoleInput::Read() {
  char bytes[kPieceBytes];
  const ssize_t got = ::read(fd_, bytes, sizeof(bytes));
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (got <= 0) return End();
  pump_->Write(absl::string_view(bytes, static_cast<size_t>(got)));
  if (pump_->IsFull()) {
    watch_.Reset();  // until there is room
  } else if (always_ready_ && !Watch().ok()) {
    End();
  }
}

void ConsoleInput::OnPumpChanged() {
  if (ended_ || !pump_->status().ok()) return End();
  if (!watch_ && !posted_ && !pump_->IsFull() && !Watch().ok()) End();
}

// What has come still goes to the guest.
void ConsoleInput::End() {
  ended_ = true;
  watch_.Reset();
  if (pump_->IsEmpty()) write_.Reset();
}

}  // namespace voidbox

#include "agent/exec_input.h"

#include <unistd.h>

#include <cerrno>
#include <utility>

#include "agent/terminal.h"
#include "base/log.h"

namespace voidbox {

absl::Status ExecInput::Write(absl::string_view bytes) {
  if (!pipe_) return absl::OkStatus();
  bytes_.Append(bytes);
  return Flush();
}

absl::Status ExecInput::End() {
  if (ends_) return absl::OkStatus();
  ends_ = true;
  if (!pipe_) return absl::OkStatus();
  if (is_terminal_) bytes_.Append({&kEndOfInput, 1});
  return Flush();
}

absl::Status ExecInput::Flush() {
  while (!bytes_.empty()) {
    const absl::string_view bytes = bytes_.contents();
    const ssize_t written = ::write(pipe_.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EAGAIN) {
      if (watch_) return absl::OkStatus();
      auto watch = loop_.Add(pipe_.get(), EPOLLOUT, [this](uint32_t) {
        if (const absl::Status status = Flush(); !status.ok()) LogError(status.message());
        written_();
      });
      if (watch.ok()) {
        watch_ = *std::move(watch);
        return absl::OkStatus();
      }
      Close();
      return std::move(watch).status();
    }
    if (written < 0) {  // EPIPE, or EIO of a terminal: nobody reads it any more
      Close();
      return absl::OkStatus();
    }
    bytes_.Consume(static_cast<size_t>(written));
  }
  watch_.Reset();
  // A terminal stays: its output comes from the same device.
  if (ends_ && !is_terminal_) Close();
  return absl::OkStatus();
}

void ExecInput::Close() {
  watch_.Reset();
  pipe_.Reset();
  bytes_.Clear();
}

}  // namespace voidbox

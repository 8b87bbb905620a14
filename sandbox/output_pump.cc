#include "sandbox/output_pump.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/errno_status.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

// A descriptor that poll calls writable takes this many bytes without blocking: a pipe by pipe(7),
// and terminals and sockets do.
constexpr size_t kPieceBytes = PIPE_BUF;

bool IsWritable(int fd) {
  pollfd wait = {.fd = fd, .events = POLLOUT, .revents = 0};
  return ::poll(&wait, 1, 0) == 1;
}

}  // namespace

void OutputPump::Write(absl::string_view bytes) {
  if (!status_.ok() || bytes.empty()) return;
  bytes_.append(bytes.data(), bytes.size());
  // Most of the time there is room, and no need to wait for the loop's next turn.
  if (!watch_) WriteSome();
}

void OutputPump::WriteSome() {
  while (status_.ok() && !IsEmpty() && (always_ready_ || IsWritable(fd_))) WritePiece();
  if (IsEmpty()) {
    bytes_.clear();
    done_ = 0;
    watch_.Reset();
    watched_.Reset();  // the owner's closing is the end of the stream
    return;
  }
  if (done_ > kFullBytes) bytes_.erase(0, std::exchange(done_, 0));
  if (watch_ || !status_.ok()) return;
  const absl::Status status = Watch();
  if (absl::IsPermissionDenied(status)) {
    always_ready_ = true;  // EPERM: epoll does not take regular files, which never make one wait
    WriteSome();
  } else if (!status.ok()) {
    Fail(status);
  }
}

absl::Status OutputPump::Watch() {
  if (!watched_) watched_.Reset(::fcntl(fd_, F_DUPFD_CLOEXEC, 0));
  if (!watched_) return ErrnoStatus("fcntl(F_DUPFD_CLOEXEC)");
  ASSIGN_OR_RETURN(watch_, loop_.Add(watched_.get(), EPOLLOUT, [this](uint32_t) {
    const std::function<void()> changed = changed_;
    WriteSome();
    changed();
  }));
  return absl::OkStatus();
}

void OutputPump::WritePiece() {
  const ssize_t written =
      ::write(fd_, bytes_.data() + done_, std::min(bytes_.size() - done_, kPieceBytes));
  if (written > 0) done_ += static_cast<size_t>(written);
  if (written >= 0 || errno == EINTR || errno == EAGAIN) return;
  Fail(errno == EPIPE ? absl::CancelledError("its reader is gone") : ErrnoStatus("write"));
}

void OutputPump::Fail(const absl::Status& status) {
  status_ = status;
  bytes_.clear();
  done_ = 0;
  watch_.Reset();
  watched_.Reset();
  loop_.Post(changed_);
}

}  // namespace voidbox

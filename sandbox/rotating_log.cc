#include "sandbox/rotating_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "base/io.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

constexpr size_t kPieceBytes = 64 << 10;

std::string OlderPath(const std::string& path) { return absl::StrCat(path, ".1"); }

// Whether `path` is another file than the open one by now; also when it is not there.
bool IsAnother(const std::string& path, int file) {
  struct stat named;
  struct stat open;
  if (::stat(path.c_str(), &named) != 0 || ::fstat(file, &open) != 0) return true;
  return named.st_ino != open.st_ino || named.st_dev != open.st_dev;
}

}  // namespace

absl::StatusOr<RotatingLog> RotatingLog::Create(const std::string& path, uint64_t max_bytes) {
  RotatingLog log(path, max_bytes);
  RETURN_IF_ERROR(log.Open());
  return log;
}

absl::Status RotatingLog::Open() {
  file_.Reset(::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file_) return ErrnoStatus(path_);
  size_ = 0;
  return absl::OkStatus();
}

absl::Status RotatingLog::Append(absl::string_view piece) {
  if (size_ != 0 && size_ + piece.size() > max_) {
    if (::rename(path_.c_str(), OlderPath(path_).c_str()) != 0) return ErrnoStatus(path_);
    RETURN_IF_ERROR(Open());
  }
  if (!file_) RETURN_IF_ERROR(Open());  // which had failed
  absl::Status written = WriteAll(file_.get(), piece);
  if (written.ok()) {
    size_ += piece.size();
    return written;
  }
  // On a full disk: half a piece would spoil what comes after it.
  if (::ftruncate(file_.get(), static_cast<off_t>(size_)) != 0 ||
      ::lseek(file_.get(), static_cast<off_t>(size_), SEEK_SET) < 0) {
    return ErrnoStatus(path_);
  }
  return written;
}

absl::Status RotatingLogReader::ReadOpen(
    const std::function<absl::Status(absl::string_view)>& take) {
  char piece[kPieceBytes];
  for (;;) {
    const ssize_t got = ::read(file_.get(), piece, sizeof(piece));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus(path_);
    if (got == 0) return absl::OkStatus();
    RETURN_IF_ERROR(take(absl::string_view(piece, static_cast<size_t>(got))));
  }
}

absl::Status RotatingLogReader::Read(const std::function<absl::Status(absl::string_view)>& take) {
  if (!std::exchange(began_, true)) {
    file_.Reset(::open(OlderPath(path_).c_str(), O_RDONLY | O_CLOEXEC));
  }
  for (;;) {
    // Asked before the reading: what a file that was another one already has is all that it gets.
    const bool is_last = file_ && !IsAnother(path_, file_.get());
    if (file_) RETURN_IF_ERROR(ReadOpen(take));
    if (is_last) return absl::OkStatus();
    file_.Reset(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file_) return errno == ENOENT ? absl::OkStatus() : ErrnoStatus(path_);
  }
}

}  // namespace voidbox

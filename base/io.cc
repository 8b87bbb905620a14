#include "base/io.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"

namespace voidbox {

absl::StatusOr<size_t> ReadUpTo(int fd, char* data, size_t size) {
  size_t done = 0;
  while (done < size) {
    const ssize_t got = ::read(fd, data + done, size - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus("read");
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

absl::Status WriteAll(int fd, absl::string_view data) {
  bool is_socket = true;
  while (!data.empty()) {
    ssize_t written = is_socket ? ::send(fd, data.data(), data.size(), MSG_NOSIGNAL)
                                : ::write(fd, data.data(), data.size());
    if (written < 0 && errno == ENOTSOCK && is_socket) {
      is_socket = false;
      continue;
    }
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return ErrnoStatus("write");
    data.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadFile(const std::string& path, size_t max_bytes) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return ErrnoStatus(path);
  std::string contents;
  constexpr size_t kPiece = 64 << 10;
  for (;;) {
    const size_t old_size = contents.size();
    contents.resize(old_size + kPiece);
    ASSIGN_OR_RETURN(const size_t got, ReadUpTo(fd.get(), contents.data() + old_size, kPiece));
    contents.resize(old_size + got);
    if (contents.size() > max_bytes) {
      return absl::ResourceExhaustedError(
          absl::StrCat(path, ": longer than the limit of ", max_bytes, " bytes"));
    }
    if (got < kPiece) return contents;
  }
}

absl::Status WriteFileAtomically(const std::string& path, absl::string_view data, int mode) {
  const std::string temporary = absl::StrCat(path, ".tmp.", ::getpid());
  UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
  if (!fd) return ErrnoStatus(temporary);
  absl::Status status = WriteAll(fd.get(), data);
  if (status.ok() && ::rename(temporary.c_str(), path.c_str()) != 0) status = ErrnoStatus(path);
  if (!status.ok()) ::unlink(temporary.c_str());
  return status;
}

}  // namespace voidbox

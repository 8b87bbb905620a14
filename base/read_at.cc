#include "base/read_at.h"

#include <unistd.h>

#include <cerrno>

#include "base/errno_status.h"

namespace voidbox {

absl::StatusOr<size_t> ReadUpToAt(int fd, uint64_t offset, char* data, size_t size) {
  size_t done = 0;
  while (done < size) {
    const ssize_t got =
        ::pread(fd, data + done, size - done, static_cast<off_t>(offset + uint64_t{done}));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus("read");
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

}  // namespace voidbox

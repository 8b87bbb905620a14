#include "base/standard_streams.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/errno_status.h"
#include "base/unique_fd.h"

namespace voidbox {

absl::Status OpenStandardStreams() {
  for (;;) {
    // The lowest number that is free; programs that we start inherit it.
    const int fd = ::open("/dev/null", O_RDWR);
    if (fd < 0) return ErrnoStatus("/dev/null");
    if (fd > STDERR_FILENO) {
      UniqueFd(fd).Reset();
      return absl::OkStatus();
    }
  }
}

}  // namespace voidbox

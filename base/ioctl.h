#ifndef VOIDBOX_BASE_IOCTL_H_
#define VOIDBOX_BASE_IOCTL_H_

#include <sys/ioctl.h>

#include "absl/status/statusor.h"
#include "base/errno_status.h"

namespace voidbox {

// ioctl(2), tried again when a signal interrupts it; `name` is the request's, for the error.
template <typename Argument>
absl::StatusOr<int> Ioctl(int fd, unsigned long request, absl::string_view name,
                          Argument argument) {
  int result;
  do {
    result = ::ioctl(fd, request, argument);
  } while (result < 0 && errno == EINTR);
  if (result < 0) return ErrnoStatus(name);
  return result;
}

}  // namespace voidbox

#endif  // VOIDBOX_BASE_IOCTL_H_

#ifndef VOIDBOX_BASE_ERRNO_STATUS_H_
#define VOIDBOX_BASE_ERRNO_STATUS_H_

#include <cerrno>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace voidbox {

// "<what>: No such file or directory" with the status code that corresponds to `error`.
inline absl::Status ErrnoStatus(absl::string_view what, int error = errno) {
  return absl::ErrnoToStatus(error, what);
}

}  // namespace voidbox

#endif  // VOIDBOX_BASE_ERRNO_STATUS_H_

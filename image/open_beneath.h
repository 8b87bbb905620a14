#ifndef VOIDBOX_IMAGE_OPEN_BENEATH_H_
#define VOIDBOX_IMAGE_OPEN_BENEATH_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/unique_fd.h"

namespace voidbox {

struct BeneathFile {
  UniqueFd fd;
  uint64_t size = 0;  // bytes
};

// A regular file of a hostile directory, to read. `path` is as SplitTreePath takes it; nothing that
// a link leads to outside of the directory is opened (FAILED_PRECONDITION), nor a FIFO or device
// (INVALID_ARGUMENT). Errors name the path.
absl::StatusOr<BeneathFile> OpenBeneath(int directory, absl::string_view path);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_OPEN_BENEATH_H_

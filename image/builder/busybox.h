#ifndef VOIDBOX_IMAGE_BUILDER_BUSYBOX_H_
#define VOIDBOX_IMAGE_BUILDER_BUSYBOX_H_

#include <string>

#include "absl/status/statusor.h"

namespace voidbox {

// The BusyBox to put into images: the file at `given`, or where that is empty the machine's own if
// it is static, else none (empty). INVALID_ARGUMENT when the given one is no static program: it
// could not run in a guest that has no libraries.
absl::StatusOr<std::string> FindBusybox(const std::string& given);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_BUILDER_BUSYBOX_H_

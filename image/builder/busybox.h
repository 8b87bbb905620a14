#ifndef VOIDBOX_IMAGE_BUILDER_BUSYBOX_H_
#define VOIDBOX_IMAGE_BUILDER_BUSYBOX_H_

#include <string>

#include "absl/status/statusor.h"
#include "image/store/progress.h"

namespace voidbox {

// The BusyBox to put into images: the file at `given`, or where that is empty the machine's own if
// it is static, else none (empty). INVALID_ARGUMENT when the given one is no static program: it
// could not run in a guest that has no libraries.
absl::StatusOr<std::string> FindBusybox(const std::string& given);

// What the BusyBox at `path` prints when it is run with `option`. It may have any name: one that is
// not called busybox would take its name for that of a program.
absl::StatusOr<std::string> AskBusybox(const std::string& path, const std::string& option,
                                       Progress& progress);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_BUILDER_BUSYBOX_H_

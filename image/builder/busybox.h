#ifndef VOIDBOX_IMAGE_BUILDER_BUSYBOX_H_
#define VOIDBOX_IMAGE_BUILDER_BUSYBOX_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "image/store/progress.h"

namespace voidbox {

// OK for a BusyBox that can go into images. INVALID_ARGUMENT when it is no static program for
// x86-64: it could not run in a guest that has no libraries.
absl::Status CheckBusybox(const std::string& path);

// What the BusyBox at `path` prints when it is run with `option`. It may have any name: one that is
// not called busybox would take its name for that of a program.
absl::StatusOr<std::string> AskBusybox(const std::string& path, const std::string& option,
                                       Progress& progress);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_BUILDER_BUSYBOX_H_

#ifndef VOIDBOX_IMAGE_TREE_PATH_H_
#define VOIDBOX_IMAGE_TREE_PATH_H_

#include <cstddef>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace voidbox {

// Linux NAME_MAX, and PATH_MAX without its terminator: longer ones cannot be named in the guest.
inline constexpr size_t kMaxNameBytes = 255;
inline constexpr size_t kMaxPathBytes = 4095;

// The names that lead from an image's root to what `path` means; none for the root itself. A path
// may have a slash in front and at its end, which say nothing. INVALID_ARGUMENT, with the path in
// the message, for a component that is empty, "." or "..", for a NUL byte, and beyond the lengths
// above. The names lie in `path`.
absl::StatusOr<std::vector<absl::string_view>> SplitTreePath(absl::string_view path);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_TREE_PATH_H_

#ifndef VOIDBOX_BASE_TAR_RELATIVE_PATH_H_
#define VOIDBOX_BASE_TAR_RELATIVE_PATH_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace voidbox {

inline constexpr size_t kMaxPathBytes = 4095;  // PATH_MAX without the terminator
inline constexpr size_t kMaxNameBytes = 255;   // NAME_MAX
// Levels of directories of a tree: walking down holds a descriptor for each.
inline constexpr size_t kMaxDepth = 200;

// A path beneath some directory as its components; none for the directory itself. Components "."
// and empty ones say nothing. INVALID_ARGUMENT for an absolute path, for "..", for a NUL byte, and
// beyond the limits above. Links are another matter: see beneath.h.
absl::StatusOr<std::vector<std::string>> ParseRelativePath(absl::string_view path);

// The same for what follows another directory's name in a path; errors show all of it, `shown`.
absl::StatusOr<std::vector<std::string>> ParsePathBelow(absl::string_view rest,
                                                        absl::string_view shown);

// A path as messages show it: quoted, escaped and cut.
std::string ShownPath(absl::string_view path);

}  // namespace voidbox

#endif  // VOIDBOX_BASE_TAR_RELATIVE_PATH_H_

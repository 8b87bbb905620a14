#ifndef VOIDBOX_AGENT_FILES_WORKSPACE_PATH_H_
#define VOIDBOX_AGENT_FILES_WORKSPACE_PATH_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace voidbox {

// The directory that callers may reach files in, by its two names in the guest.
inline constexpr char kWorkspace[] = "/home/user";
inline constexpr char kWorkspaceAlias[] = "/workspace";

inline constexpr size_t kMaxPathBytes = 4095;  // PATH_MAX without the terminator
inline constexpr size_t kMaxNameBytes = 255;   // NAME_MAX
// Levels of directories below the workspace: walking down a tree holds a descriptor for each.
inline constexpr size_t kMaxDepth = 200;

// The path of a call, "a/b", "/home/user/a/b" or "/workspace/a/b", as its components beneath the
// workspace; none for the workspace itself. Components "." and empty ones say nothing.
// INVALID_ARGUMENT for a path that is absolute and elsewhere, for "..", for a NUL byte, and beyond
// the limits above. Links are another matter: see beneath.h.
absl::StatusOr<std::vector<std::string>> ParseWorkspacePath(absl::string_view path);

// The same for a name in an archive, where an absolute one is refused whatever it names.
absl::StatusOr<std::vector<std::string>> ParseRelativePath(absl::string_view path);

// A path as messages show it: quoted, escaped and cut.
std::string ShownPath(absl::string_view path);

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_FILES_WORKSPACE_PATH_H_

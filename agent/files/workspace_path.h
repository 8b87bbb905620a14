#ifndef VOIDBOX_AGENT_FILES_WORKSPACE_PATH_H_
#define VOIDBOX_AGENT_FILES_WORKSPACE_PATH_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace voidbox {

// The directory that callers may reach files in, by its two names in the guest.
inline constexpr char kWorkspace[] = "/home/user";
inline constexpr char kWorkspaceAlias[] = "/workspace";

// The path of a call, "a/b", "/home/user/a/b" or "/workspace/a/b", as its components beneath the
// workspace; none for the workspace itself. INVALID_ARGUMENT for a path that is absolute and
// elsewhere, and for what ParseRelativePath refuses (base/tar/tree_path.h).
absl::StatusOr<std::vector<std::string>> ParseWorkspacePath(absl::string_view path);

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_FILES_WORKSPACE_PATH_H_

#include "agent/files/workspace_path.h"

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/tar/relative_path.h"

namespace voidbox {
namespace {

// Whether `path` is `directory` or lies in it; takes the directory's name off.
bool TakeDirectory(absl::string_view directory, absl::string_view& path) {
  absl::string_view rest = path;
  if (!absl::StartsWith(rest, directory)) return false;
  rest.remove_prefix(directory.size());
  if (!rest.empty() && rest[0] != '/') return false;
  path = rest;
  return true;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ParseWorkspacePath(absl::string_view path) {
  absl::string_view rest = path;
  if (absl::StartsWith(path, "/") && !TakeDirectory(kWorkspace, rest) &&
      !TakeDirectory(kWorkspaceAlias, rest)) {
    return absl::InvalidArgumentError(
        absl::StrCat("path ", ShownPath(path),
                     ": leaves the workspace: use a relative path, or one beneath ", kWorkspace));
  }
  return ParsePathBelow(rest, path);
}

}  // namespace voidbox

#include "agent/files/workspace_path.h"

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace voidbox {
namespace {

constexpr size_t kShownBytes = 256;

template <typename... Parts>
absl::Status Invalid(absl::string_view path, const Parts&... why) {
  return absl::InvalidArgumentError(absl::StrCat("path ", ShownPath(path), ": ", why...));
}

// Whether `path` is `directory` or lies in it; takes the directory's name off.
bool TakeDirectory(absl::string_view directory, absl::string_view& path) {
  absl::string_view rest = path;
  if (!absl::StartsWith(rest, directory)) return false;
  rest.remove_prefix(directory.size());
  if (!rest.empty() && rest[0] != '/') return false;
  path = rest;
  return true;
}

absl::StatusOr<std::vector<std::string>> Split(absl::string_view path, absl::string_view shown) {
  if (path.size() > kMaxPathBytes) {
    return Invalid(shown, path.size(), " bytes are more than the limit of ", kMaxPathBytes);
  }
  if (path.find('\0') != path.npos) return Invalid(shown, "contains a NUL byte");
  std::vector<std::string> parts;
  for (const absl::string_view part : absl::StrSplit(path, '/', absl::SkipEmpty())) {
    if (part == ".") continue;
    if (part == "..") return Invalid(shown, "a component '..' is not allowed");
    if (part.size() > kMaxNameBytes) {
      return Invalid(shown, "a component of ", part.size(), " bytes is longer than the limit of ",
                     kMaxNameBytes);
    }
    parts.emplace_back(part);
  }
  if (parts.size() > kMaxDepth) {
    return Invalid(shown, parts.size(), " levels are more than the limit of ", kMaxDepth);
  }
  return parts;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ParseWorkspacePath(absl::string_view path) {
  absl::string_view rest = path;
  if (absl::StartsWith(path, "/") && !TakeDirectory(kWorkspace, rest) &&
      !TakeDirectory(kWorkspaceAlias, rest)) {
    return Invalid(path, "leaves the workspace: use a relative path, or one beneath ", kWorkspace);
  }
  return Split(rest, path);
}

absl::StatusOr<std::vector<std::string>> ParseRelativePath(absl::string_view path) {
  if (absl::StartsWith(path, "/")) return Invalid(path, "is absolute");
  return Split(path, path);
}

std::string ShownPath(absl::string_view path) {
  return absl::StrCat("'", absl::CHexEscape(path.substr(0, kShownBytes)),
                      path.size() > kShownBytes ? "..." : "", "'");
}

}  // namespace voidbox

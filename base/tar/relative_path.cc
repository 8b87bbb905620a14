#include "base/tar/relative_path.h"

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

}  // namespace

absl::StatusOr<std::vector<std::string>> ParsePathBelow(absl::string_view rest,
                                                        absl::string_view shown) {
  if (rest.size() > kMaxPathBytes) {
    return Invalid(shown, rest.size(), " bytes are more than the limit of ", kMaxPathBytes);
  }
  if (rest.find('\0') != rest.npos) return Invalid(shown, "contains a NUL byte");
  std::vector<std::string> parts;
  for (const absl::string_view part : absl::StrSplit(rest, '/', absl::SkipEmpty())) {
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

absl::StatusOr<std::vector<std::string>> ParseRelativePath(absl::string_view path) {
  if (absl::StartsWith(path, "/")) return Invalid(path, "is absolute");
  return ParsePathBelow(path, path);
}

std::string ShownPath(absl::string_view path) {
  return absl::StrCat("'", absl::CHexEscape(path.substr(0, kShownBytes)),
                      path.size() > kShownBytes ? "..." : "", "'");
}

}  // namespace voidbox

#include "image/tree_path.h"

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace voidbox {
namespace {

constexpr size_t kShownBytes = 256;  // of a path in a message

absl::Status Invalid(absl::string_view path, absl::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("path '", absl::CHexEscape(path.substr(0, kShownBytes)), "' ", why));
}

}  // namespace

absl::StatusOr<std::vector<absl::string_view>> SplitTreePath(absl::string_view path) {
  absl::string_view rest = path;
  while (!rest.empty() && rest.front() == '/') rest.remove_prefix(1);
  while (!rest.empty() && rest.back() == '/') rest.remove_suffix(1);
  if (rest.size() > kMaxPathBytes) {
    return Invalid(
        path, absl::StrCat("has ", rest.size(), " bytes, more than the limit of ", kMaxPathBytes));
  }
  if (rest.find('\0') != absl::string_view::npos) return Invalid(path, "contains a NUL byte");
  std::vector<absl::string_view> names;
  if (rest.empty()) return names;
  names = absl::StrSplit(rest, '/');
  for (const absl::string_view name : names) {
    if (name.empty()) return Invalid(path, "has an empty component");
    if (name == "." || name == "..") return Invalid(path, "has a component . or ..");
    if (name.size() > kMaxNameBytes) {
      return Invalid(path, absl::StrCat("has a component of ", name.size(),
                                        " bytes, more than the limit of ", kMaxNameBytes));
    }
  }
  return names;
}

}  // namespace voidbox

#include "tools/cli/sandbox/copy_paths.h"

#include <cstddef>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace voidbox {

bool IsGuestPath(const std::string& text) {
  const size_t colon = text.find(':');
  return colon != std::string::npos && colon != 0 &&
         text.substr(0, colon).find('/') == std::string::npos;
}

GuestPath ParseGuestPath(const std::string& text) {
  const size_t colon = text.find(':');
  return {text.substr(0, colon), text.substr(colon + 1)};
}

SplitPath SplitLast(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {"", path};
  return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

std::string NameOfLocalSource(const std::string& path) {
  std::string last = SplitLast(path).name;
  if (last == ".") return "";
  if (last != "..") return last;
  std::error_code error;
  const std::filesystem::path real = std::filesystem::canonical(path, error);
  return error ? last : real.filename().string();
}

std::string NameOfGuestSource(const std::string& path) {
  if (SplitLast(path).name == ".") return "";
  std::vector<absl::string_view> parts;
  for (const absl::string_view part : absl::StrSplit(path, '/', absl::SkipEmpty())) {
    if (part != ".") parts.push_back(part);
  }
  // The two names of the workspace in the guest.
  using Parts = std::vector<absl::string_view>;
  const bool is_absolute = !path.empty() && path.front() == '/';
  if (is_absolute && (parts == Parts{"home", "user"} || parts == Parts{"workspace"})) return "";
  return parts.empty() ? "" : std::string(parts.back());
}

}  // namespace voidbox

#include "base/tar/link_target.h"

#include <fcntl.h>

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "base/tar/beneath.h"

namespace voidbox {

bool LinkStaysBeneath(int root, size_t top, const std::vector<std::string>& path,
                      absl::string_view target) {
  if (target.empty() || absl::StartsWith(target, "/") || path.empty()) return false;
  // The place that is reached, and how many of its components are known to be directories.
  std::vector<std::string> place(path.begin(), path.end() - 1);
  size_t directories = place.size();
  for (const absl::string_view part : absl::StrSplit(target, '/', absl::SkipEmpty())) {
    if (part == ".") continue;
    if (part != "..") {
      place.emplace_back(part);
      continue;
    }
    if (place.size() <= top) return false;
    // Of a link, ".." is what is above the link's target: that would be another place.
    if (place.size() > directories &&
        !OpenBeneath(root, JoinPath(place), O_PATH | O_DIRECTORY).ok()) {
      return false;
    }
    place.pop_back();
    directories = std::min(directories, place.size());
  }
  return place.size() >= top;
}

}  // namespace voidbox

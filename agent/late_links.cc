#include "agent/late_links.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "base/errno_status.h"
#include "base/io.h"
#include "base/late_link_list.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"

namespace voidbox {
namespace {

absl::StatusOr<std::string> ReadList(int fd, const std::string& path) {
  std::string text(kMaxLateLinksBytes + 1, '\0');
  ASSIGN_OR_RETURN(const size_t size, ReadUpTo(fd, text.data(), text.size()));
  if (size > kMaxLateLinksBytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat(path, " is longer than the limit of ", kMaxLateLinksBytes, " bytes"));
  }
  text.resize(size);
  return text;
}

absl::StatusOr<bool> MakeLink(const std::string& root, absl::string_view line) {
  const size_t space = line.find(' ');
  if (space == 0 || space == absl::string_view::npos || line.find('\0') != line.npos ||
      !absl::StartsWith(line.substr(space + 1), "/")) {
    return absl::InvalidArgumentError(absl::StrCat("late link '", line, "': no target and path"));
  }
  const std::string target(line.substr(0, space));
  const std::string path = absl::StrCat(root, line.substr(space + 1));
  if (::symlink(target.c_str(), path.c_str()) == 0) return true;
  if (errno == EEXIST) return false;
  return ErrnoStatus(path);
}

}  // namespace

absl::StatusOr<int> MakeLateLinks(const std::string& root) {
  const std::string path = root + kLateLinkList;
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd && errno == ENOENT) return 0;
  if (!fd) return ErrnoStatus(path);
  ASSIGN_OR_RETURN(const std::string text, ReadList(fd.get(), path));
  int made = 0;
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    ASSIGN_OR_RETURN(const bool is_new, MakeLink(root, line));
    made += is_new ? 1 : 0;
  }
  if (::unlink(path.c_str()) != 0) return ErrnoStatus(path);
  return made;
}

}  // namespace voidbox

#include "base/tar/remove_tree.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/tar/beneath.h"
#include "base/tar/directory_entries.h"
#include "base/tar/relative_path.h"
#include "base/unique_fd.h"

namespace voidbox {
namespace {

// A process that keeps adding files to what is removed is given up on.
constexpr int kMaxPasses = 100;

absl::Status Remove(int parent, const std::string& name, const std::string& path, size_t depth);

absl::Status Empty(int directory, const std::string& path, size_t depth) {
  ASSIGN_OR_RETURN(DirectoryEntries entries, DirectoryEntries::Open(directory, path));
  absl::Status first_error;
  for (;;) {
    ASSIGN_OR_RETURN(const char* name, entries.Next());
    if (name == nullptr) return first_error;
    absl::Status status = Remove(entries.fd(), name, absl::StrCat(path, "/", name), depth + 1);
    if (absl::IsNotFound(status)) continue;  // somebody else was quicker
    if (first_error.ok()) first_error = std::move(status);
  }
}

absl::Status Remove(int parent, const std::string& name, const std::string& path, size_t depth) {
  if (::unlinkat(parent, name.c_str(), 0) == 0) return absl::OkStatus();
  // Linux says EISDIR for a directory; EPERM is what POSIX has for it.
  if (errno != EISDIR && errno != EPERM) return PathStatus(path, errno);
  if (depth > kMaxDepth) {
    return absl::InvalidArgumentError(absl::StrCat(
        "path ", ShownPath(path), ": is deeper than the limit of ", kMaxDepth, " levels"));
  }
  ASSIGN_OR_RETURN(const UniqueFd directory, OpenBeneath(parent, name, O_PATH | O_DIRECTORY));
  for (int pass = 1;; ++pass) {
    if (::unlinkat(parent, name.c_str(), AT_REMOVEDIR) == 0) return absl::OkStatus();
    if (errno != ENOTEMPTY || pass == kMaxPasses) return PathStatus(path, errno);
    absl::Status status = Empty(directory.get(), path, depth);
    if (absl::IsPermissionDenied(status) && ::fchmodat(parent, name.c_str(), S_IRWXU, 0) == 0) {
      status = Empty(directory.get(), path, depth);
    }
    RETURN_IF_ERROR(status);
  }
}

}  // namespace

absl::Status RemoveTree(int directory, const std::string& name) {
  return Remove(directory, name, name, 1);
}

}  // namespace voidbox

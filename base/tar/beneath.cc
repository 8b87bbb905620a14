#include "base/tar/beneath.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/errno_status.h"
#include "base/status_macros.h"
#include "base/tar/relative_path.h"

namespace voidbox {
namespace {

constexpr uint64_t kResolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS;
// openat2(2) gives EAGAIN when the tree is renamed while it looks: that ends, or somebody does it
// on purpose.
constexpr int kMaxTries = 100;

}  // namespace

absl::Status PathStatus(absl::string_view path, int error) {
  const std::string what = absl::StrCat("path ", ShownPath(path));
  switch (error) {
    case ELOOP:
      return absl::InvalidArgumentError(absl::StrCat(what, ": leads through a symbolic link"));
    case EXDEV:
      return absl::InvalidArgumentError(absl::StrCat(what, ": leads out of its directory"));
    case ENOTDIR:
      return absl::NotFoundError(absl::StrCat(what, ": not a directory"));
    case EISDIR:
      return absl::InvalidArgumentError(absl::StrCat(what, ": is a directory"));
    case ENAMETOOLONG:
      return absl::InvalidArgumentError(absl::StrCat(what, ": too long"));
    case EDQUOT:
      return absl::ResourceExhaustedError(absl::StrCat(what, ": disk quota exceeded"));
    default:
      return ErrnoStatus(what, error);
  }
}

absl::Status AtPath(absl::string_view path, const absl::Status& status) {
  return absl::Status(status.code(),
                      absl::StrCat("path ", ShownPath(path), ": ", status.message()));
}

absl::StatusOr<UniqueFd> OpenBeneath(int directory, const std::string& path, uint64_t flags,
                                     mode_t mode, absl::string_view shown) {
  open_how how = {};
  how.flags = flags | O_CLOEXEC;
  how.mode = mode;
  how.resolve = kResolve;
  for (int tries = 1;; ++tries) {
    const long fd = ::syscall(SYS_openat2, directory, path.c_str(), &how, sizeof(how));
    if (fd >= 0) return UniqueFd(static_cast<int>(fd));
    if (errno == EINTR || (errno == EAGAIN && tries < kMaxTries)) continue;
    return PathStatus(shown.empty() ? path : shown, errno);
  }
}

std::string JoinPath(const std::vector<std::string>& parts) {
  return parts.empty() ? "." : absl::StrJoin(parts, "/");
}

absl::StatusOr<Parent> OpenParent(int directory, const std::vector<std::string>& parts) {
  if (parts.empty()) return absl::InvalidArgumentError("path '': is the workspace itself");
  const std::vector<std::string> above(parts.begin(), parts.end() - 1);
  ASSIGN_OR_RETURN(UniqueFd fd, OpenBeneath(directory, JoinPath(above), O_PATH | O_DIRECTORY));
  return Parent{std::move(fd), parts.back()};
}

absl::StatusOr<UniqueFd> OpenRegular(int directory, const std::vector<std::string>& parts,
                                     int flags, mode_t mode, absl::string_view shown) {
  const std::string name = JoinPath(parts);
  const absl::string_view path = shown.empty() ? name : shown;
  // Without O_NONBLOCK, a FIFO would wait for its other end; regular files do not know it.
  ASSIGN_OR_RETURN(UniqueFd fd,
                   OpenBeneath(directory, name,
                               static_cast<uint64_t>(flags) | O_NONBLOCK | O_NOCTTY, mode, path));
  struct stat info;
  if (::fstat(fd.get(), &info) != 0) return PathStatus(path, errno);
  if (!S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError(
        absl::StrCat("path ", ShownPath(path), ": is not a regular file"));
  }
  return fd;
}

absl::StatusOr<UniqueFd> MakeDirectories(int directory, const std::vector<std::string>& parts,
                                         mode_t mode, size_t* existing) {
  ASSIGN_OR_RETURN(UniqueFd current, OpenBeneath(directory, ".", O_PATH | O_DIRECTORY));
  bool is_new = false;
  for (size_t i = 0; i < parts.size(); ++i) {
    const std::string path = JoinPath({parts.begin(), parts.begin() + static_cast<long>(i) + 1});
    if (::mkdirat(current.get(), parts[i].c_str(), mode) != 0) {
      if (errno != EEXIST) return PathStatus(path, errno);
    } else {
      is_new = true;
    }
    auto next = OpenBeneath(current.get(), parts[i], O_PATH | O_DIRECTORY);
    if (!next.ok()) return AtPath(path, next.status());
    current = *std::move(next);
    if (!is_new && existing != nullptr) *existing = i + 1;
  }
  return current;
}

}  // namespace voidbox

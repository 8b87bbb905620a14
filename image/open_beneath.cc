#include "image/open_beneath.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "base/status_macros.h"
#include "image/tree_path.h"

namespace voidbox {

absl::StatusOr<BeneathFile> OpenBeneath(int directory, absl::string_view path) {
  RETURN_IF_ERROR(SplitTreePath(path).status());
  // Not a FIFO that would block, nor anything that a link leads to outside.
  open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
                  .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
  const std::string name(path);
  BeneathFile file;
  file.fd.Reset(
      static_cast<int>(::syscall(SYS_openat2, directory, name.c_str(), &how, sizeof(how))));
  struct stat status = {};
  if (!file.fd && (errno == EXDEV || errno == ELOOP)) {
    return absl::FailedPreconditionError(
        absl::StrCat(absl::CHexEscape(path), ": is a link that leads out of the directory"));
  }
  if (!file.fd || ::fstat(file.fd.get(), &status) != 0) return ErrnoStatus(absl::CHexEscape(path));
  if (!S_ISREG(status.st_mode)) {
    return absl::InvalidArgumentError(
        absl::StrCat(absl::CHexEscape(path), ": is not a regular file"));
  }
  file.size = static_cast<uint64_t>(status.st_size);
  return file;
}

}  // namespace voidbox

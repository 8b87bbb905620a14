#include "sandbox/emulated_host/machine_file.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "base/unique_fd.h"

namespace voidbox {

absl::StatusOr<std::string> MachineFile(const std::string& path, const std::string& root) {
  const UniqueFd directory(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return ErrnoStatus(root);
  open_how how = {};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT;  // a link to /x leads to ROOT/x
  const UniqueFd file(
      static_cast<int>(::syscall(SYS_openat2, directory.get(), path.c_str(), &how, sizeof(how))));
  if (!file) return ErrnoStatus(path);
  std::error_code error;
  const std::filesystem::path found =
      std::filesystem::read_symlink(absl::StrCat("/proc/self/fd/", file.get()), error);
  if (error) return ErrnoStatus(path, error.value());
  return found.string();
}

absl::Status CheckMachineFile(const std::string& path, const std::string& what) {
  std::error_code error;
  const std::string found = std::filesystem::canonical(path, error).string();
  if (error) return ErrnoStatus(absl::StrCat(what, " ", path), error.value());
  struct stat attributes;
  if (::stat(found.c_str(), &attributes) != 0) return ErrnoStatus(absl::StrCat(what, " ", path));
  if (S_ISREG(attributes.st_mode) && !absl::StartsWith(found, "/proc/") &&
      !absl::StartsWith(found, "/sys/")) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat(what, " ", path, ": not a regular file of a file system, which is all that the ",
                   "emulated KVM host can open; copy it to one"));
}

bool IsHiddenInside(const std::string& machine_file, const std::string& root) {
  for (const char* own : {"/dev/", "/proc/", "/sys/"}) {
    if (absl::StartsWith(machine_file, absl::StrCat(root, own))) return true;
  }
  return false;
}

}  // namespace voidbox

#include "agent/jail_tools.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/errno_status.h"
#include "base/unique_fd.h"

namespace voidbox {
namespace {

constexpr char kBusybox[] = "busybox";
constexpr std::array<const char*, 4> kProgramDirectories = {"/bin", "/sbin", "/usr/bin",
                                                            "/usr/sbin"};
// A BusyBox has some 400.
constexpr int kMaxLinks = 2000;

bool IsRootsAlone(const struct stat& info) {
  return info.st_uid == 0 && (info.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

// The jail's /bin, if it and its busybox are root's.
UniqueFd OpenToolDirectory(const std::string& jail) {
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  const UniqueFd home(::open(jail.c_str(), kFlags));
  if (!home) return UniqueFd();
  UniqueFd bin(::openat(home.get(), "bin", kFlags));
  struct stat info;
  if (!bin || ::fstat(bin.get(), &info) != 0 || !IsRootsAlone(info)) return UniqueFd();
  if (::fstatat(bin.get(), kBusybox, &info, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(info.st_mode) ||
      !IsRootsAlone(info)) {
    return UniqueFd();
  }
  return bin;
}

bool LinksToBusybox(int directory, const char* name) {
  std::array<char, 64> target;
  const ssize_t size = ::readlinkat(directory, name, target.data(), target.size());
  if (size <= 0) return false;
  const absl::string_view text(target.data(), static_cast<size_t>(size));
  return text == kBusybox || absl::EndsWith(text, absl::StrCat("/", kBusybox));
}

}  // namespace

absl::StatusOr<int> CompleteJailTools(const std::string& root, const std::string& jail) {
  const UniqueFd bin = OpenToolDirectory(jail);
  struct stat info;
  if (!bin || ::fstatat(bin.get(), "ls", &info, AT_SYMLINK_NOFOLLOW) == 0) return 0;
  int made = 0;
  for (const char* const path : kProgramDirectories) {
    const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(absl::StrCat(root, path).c_str()),
                                                        ::closedir);
    if (directory == nullptr) continue;
    const int fd = ::dirfd(directory.get());
    if (::fstat(fd, &info) != 0 || !IsRootsAlone(info)) continue;
    while (const dirent* entry = ::readdir(directory.get())) {
      if (made >= kMaxLinks || entry->d_type != DT_LNK || !LinksToBusybox(fd, entry->d_name)) {
        continue;
      }
      if (::symlinkat(kBusybox, bin.get(), entry->d_name) == 0) {
        ++made;
      } else if (errno != EEXIST) {
        return ErrnoStatus(absl::StrCat(jail, "/bin/", entry->d_name));
      }
    }
  }
  return made;
}

}  // namespace voidbox

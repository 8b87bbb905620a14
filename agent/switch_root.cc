#include "agent/switch_root.h"

#include <ftw.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "agent/root_file_system.h"
#include "base/errno_status.h"
#include "base/io.h"
#include "base/kernel_module_list.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

// What goes with the root. What is mounted below them goes as well.
constexpr const char* kMovedMounts[] = {"/dev", "/proc", "/sys"};
constexpr int kOpenDirectories = 16;  // at a time

int RemoveEntry(const char* path, const struct stat* /*status*/, int /*type*/, FTW* /*where*/) {
  // What cannot be removed, as mount points, stays.
  ::remove(path);
  return 0;
}

// The initramfs is memory that nobody can reach once the root is another. Files of other file
// systems are left alone.
void FreeInitramfs() {
  if (RootIsOnDisk()) return;
  ::nftw("/", RemoveEntry, kOpenDirectories, FTW_PHYS | FTW_MOUNT | FTW_DEPTH);
}

absl::Status MoveMounts() {
  for (const char* const from : kMovedMounts) {
    const std::string to = absl::StrCat(kNewRoot, from);
    if (::mount(from, to.c_str(), nullptr, MS_MOVE, nullptr) == 0) continue;
    // A root without that directory: its init makes it and mounts anew.
    if (errno != ENOENT) return ErrnoStatus(absl::StrCat("moving ", from, " to ", to));
    if (::umount2(from, MNT_DETACH) != 0) return ErrnoStatus(absl::StrCat("umount ", from));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<RootWords> ParseRootWords(absl::string_view command_line) {
  RootWords words;
  for (absl::string_view word :
       absl::StrSplit(command_line, absl::ByAnyChar(" \n"), absl::SkipEmpty())) {
    if (word == "--") break;  // what follows is for init
    if (word == "rw") words.writable = true;
    if (word == "ro") words.writable = false;
    if (absl::ConsumePrefix(&word, "root=")) {
      words.device = std::string(word);
    } else if (absl::ConsumePrefix(&word, "rootfstype=")) {
      words.type = std::string(word);
    } else if (absl::ConsumePrefix(&word, "init=")) {
      words.init = std::string(word);
    }
  }
  if (!absl::StartsWith(words.device, "/dev/")) {
    return absl::InvalidArgumentError(
        absl::StrCat("root=", words.device,
                     " on the kernel command line: this initramfs needs a file below /dev there"));
  }
  return words;
}

bool HasNewRoot() {
  struct stat status;
  return ::stat(kNewRoot, &status) == 0 && S_ISDIR(status.st_mode);
}

absl::Status SwitchRoot() {
  ASSIGN_OR_RETURN(const std::string command_line, ReadFile("/proc/cmdline"));
  ASSIGN_OR_RETURN(const RootWords words, ParseRootWords(command_line));
  if (::mount(words.device.c_str(), kNewRoot, words.type.c_str(), words.writable ? 0 : MS_RDONLY,
              nullptr) != 0) {
    return ErrnoStatus(absl::StrCat("mount ", words.device, " as ", words.type));
  }
  FreeInitramfs();
  RETURN_IF_ERROR(MoveMounts());
  if (::chdir(kNewRoot) != 0) return ErrnoStatus("chdir");
  if (::mount(".", "/", nullptr, MS_MOVE, nullptr) != 0) return ErrnoStatus("moving the root");
  if (::chroot(".") != 0 || ::chdir("/") != 0) return ErrnoStatus("chroot");
  ::execl(words.init.c_str(), words.init.c_str(), nullptr);
  return ErrnoStatus(absl::StrCat("exec ", words.init));
}

}  // namespace voidbox

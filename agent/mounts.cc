#include "agent/mounts.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "agent/copy_tree.h"
#include "base/errno_status.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"

namespace voidbox {
namespace {

constexpr std::array<Mount, 4> kEssential = {{
    {"proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, ""},
    {"devtmpfs", "/dev", MS_NOSUID | MS_NOEXEC, "mode=755"},
    {"sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, ""},
    {"cgroup2", "/sys/fs/cgroup", MS_NOSUID | MS_NODEV | MS_NOEXEC, ""},
}};

// File systems in memory are filled by commands, which may use no more of it together than their
// budget (exec_budget.h): full ones must leave some of that. One that is the root has half of the
// memory, which is the kernel's default.
constexpr std::array<Mount, 4> kBesideDiskRoot = {{
    {"devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "mode=620,ptmxmode=666,gid=5"},
    {"tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777,size=20%"},
    {"tmpfs", "/tmp", MS_NOSUID | MS_NODEV, "mode=1777,size=50%", true},
    {"tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=755", true},
}};
constexpr std::array<Mount, 4> kBesideMemoryRoot = {{
    kBesideDiskRoot[0],
    {"tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777,size=10%"},
    {"tmpfs", "/tmp", MS_NOSUID | MS_NODEV, "mode=1777,size=15%", true},
    kBesideDiskRoot[3],
}};

constexpr std::array<std::pair<const char*, const char*>, 4> kDeviceLinks = {{
    {"/proc/self/fd", "/dev/fd"},
    {"/proc/self/fd/0", "/dev/stdin"},
    {"/proc/self/fd/1", "/dev/stdout"},
    {"/proc/self/fd/2", "/dev/stderr"},
}};

// True when `path` is on another file system than its parent directory.
absl::StatusOr<bool> IsMountPoint(const std::string& path) {
  struct stat self, parent;
  if (::stat(path.c_str(), &self) != 0) return ErrnoStatus(path);
  if (::stat(absl::StrCat(path, "/..").c_str(), &parent) != 0) return ErrnoStatus(path);
  return self.st_dev != parent.st_dev;
}

bool IsRootInMemory() {
  struct statfs root;
  return ::statfs("/", &root) == 0 && (root.f_type == TMPFS_MAGIC || root.f_type == RAMFS_MAGIC);
}

// What `below`, the directory that is now hidden, has.
void TakeContents(const char* path, int below) {
  const UniqueFd mounted(::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const absl::Status status = mounted ? CopyTree(below, mounted.get()) : ErrnoStatus(path);
  if (status.ok()) return;
  LogInfo(path, " stays the image's own directory: ", status.message());
  if (::umount2(path, MNT_DETACH) != 0) LogWarning(ErrnoStatus(path).message());
}

}  // namespace

absl::Status MountOnce(const Mount& mount) {
  absl::StatusOr<bool> mounted = IsMountPoint(mount.path);
  if (absl::IsNotFound(mounted.status())) {
    if (::mkdir(mount.path, 0755) != 0) return ErrnoStatus(absl::StrCat("mkdir ", mount.path));
    mounted = false;
  }
  RETURN_IF_ERROR(mounted.status());
  if (*mounted) return absl::OkStatus();
  UniqueFd below;
  if (mount.takes_contents) below.Reset(::open(mount.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (::mount(mount.type, mount.path, mount.type, mount.flags, mount.options) != 0) {
    return ErrnoStatus(absl::StrCat("mount ", mount.type, " on ", mount.path));
  }
  if (below) TakeContents(mount.path, below.get());
  return absl::OkStatus();
}

std::span<const Mount> EssentialMounts() { return kEssential; }

std::span<const Mount> OtherMounts() {
  return IsRootInMemory() ? std::span<const Mount>(kBesideMemoryRoot) : kBesideDiskRoot;
}

absl::Status ProtectRootDirectory() {
  if (IsRootInMemory() && ::chmod("/", 0755) != 0) return ErrnoStatus("chmod /");
  return absl::OkStatus();
}

absl::Status MakeLockDirectory() {
  constexpr char kLocks[] = "/run/lock";
  if (::mkdir(kLocks, 0) != 0) return errno == EEXIST ? absl::OkStatus() : ErrnoStatus(kLocks);
  // Whatever the umask.
  return ::chmod(kLocks, 01777) == 0 ? absl::OkStatus() : ErrnoStatus(kLocks);
}

void OpenVsockDevice() {
  // A kernel without it has none.
  [[maybe_unused]] const int changed = ::chmod("/dev/vsock", 0666);
}

void MakeDeviceLinks() {
  // A link that is there already is right or somebody's wish.
  for (const auto& [target, link] : kDeviceLinks) {
    [[maybe_unused]] const int made = ::symlink(target, link);
  }
}

}  // namespace voidbox

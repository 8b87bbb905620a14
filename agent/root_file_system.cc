#include "agent/root_file_system.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "agent/ext4_size.h"
#include "base/errno_status.h"
#include "base/io.h"
#include "base/ioctl.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"

namespace voidbox {
namespace {

// Linux fs/ext4/ext4.h; the argument is the new number of blocks.
constexpr unsigned long EXT4_IOC_RESIZE_FS = _IOW('f', 16, uint64_t);
constexpr uint64_t kSysfsSectorBytes = 512;

// As sysfs has it: "254:0".
absl::StatusOr<std::string> RootDevice() {
  struct stat status;
  if (::stat("/", &status) != 0) return ErrnoStatus("/");
  return absl::StrCat(major(status.st_dev), ":", minor(status.st_dev));
}

absl::StatusOr<uint64_t> DeviceBytes(const std::string& device) {
  ASSIGN_OR_RETURN(const std::string text,
                   ReadFile(absl::StrCat("/sys/dev/block/", device, "/size")));
  uint64_t sectors;
  if (!absl::SimpleAtoi(text, &sectors)) {
    return absl::InternalError(absl::StrCat("device ", device, ": size '", text, "'"));
  }
  return sectors * kSysfsSectorBytes;
}

absl::StatusOr<UniqueFd> OpenDevice(const std::string& device) {
  ASSIGN_OR_RETURN(const std::string text,
                   ReadFile(absl::StrCat("/sys/dev/block/", device, "/uevent")));
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    if (!absl::ConsumePrefix(&line, "DEVNAME=")) continue;
    const std::string path = absl::StrCat("/dev/", line);
    UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return ErrnoStatus(path);
    return fd;
  }
  return absl::NotFoundError(absl::StrCat("device ", device, " has no name"));
}

absl::StatusOr<Ext4Size> ReadSize(int device) {
  std::array<char, kSuperblockBytes> bytes;
  const ssize_t got = ::pread(device, bytes.data(), bytes.size(), kSuperblockOffset);
  if (got < 0) return ErrnoStatus("read the superblock");
  if (got != bytes.size()) return absl::DataLossError("the disk ends in its superblock");
  return ParseExt4Size(bytes);
}

absl::Status Remount(unsigned long flags) {
  struct statvfs current;
  if (::statvfs("/", &current) != 0) return ErrnoStatus("/");
  // A remount sets all flags anew. The values are those of MS_* (statvfs.h).
  flags |= current.f_flag & (ST_NOSUID | ST_NODEV | ST_NOEXEC | ST_NOATIME | ST_NODIRATIME);
  if (::mount("", "/", "", MS_REMOUNT | flags, "") != 0) return ErrnoStatus("remount /");
  return absl::OkStatus();
}

}  // namespace

bool RootIsOnDisk() {
  struct stat status;
  // File systems without a device have numbers of major 0.
  return ::stat("/", &status) == 0 && major(status.st_dev) != 0;
}

absl::Status MakeRootWritable() {
  struct statvfs current;
  if (::statvfs("/", &current) != 0) return ErrnoStatus("/");
  if (!RootIsOnDisk() || (current.f_flag & ST_RDONLY) == 0) return absl::OkStatus();
  return Remount(0);
}

absl::Status MakeRootReadOnly() {
  if (!RootIsOnDisk()) return absl::OkStatus();
  return Remount(MS_RDONLY);
}

absl::Status GrowRoot() {
  struct statfs current;
  if (::statfs("/", &current) != 0) return ErrnoStatus("/");
  if (!RootIsOnDisk()) return absl::OkStatus();
  if (current.f_type != EXT4_SUPER_MAGIC) return absl::FailedPreconditionError("it is not ext4");
  ASSIGN_OR_RETURN(const std::string name, RootDevice());
  ASSIGN_OR_RETURN(const uint64_t device_bytes, DeviceBytes(name));
  ASSIGN_OR_RETURN(const UniqueFd device, OpenDevice(name));
  ASSIGN_OR_RETURN(const Ext4Size before, ReadSize(device.get()));
  uint64_t blocks = device_bytes / before.block_bytes;
  if (blocks <= before.blocks) return absl::OkStatus();
  const UniqueFd root(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root) return ErrnoStatus("/");
  RETURN_IF_ERROR(Ioctl(root.get(), EXT4_IOC_RESIZE_FS, "EXT4_IOC_RESIZE_FS", &blocks).status());
  ASSIGN_OR_RETURN(const Ext4Size after, ReadSize(device.get()));
  if (after.blocks != before.blocks) {
    LogInfo("root file system grown from ", before.blocks, " to ", after.blocks, " blocks of ",
            before.block_bytes, " bytes");
  }
  // What is too small for a block group is left over, and is found again at every boot.
  if (blocks - after.blocks >= after.blocks_per_group) {
    return absl::FailedPreconditionError(absl::StrCat("it grew to ", after.blocks, " of ", blocks,
                                                      " blocks of ", after.block_bytes, " bytes"));
  }
  return absl::OkStatus();
}

}  // namespace voidbox

#ifndef VOIDBOX_AGENT_MOUNTS_H_
#define VOIDBOX_AGENT_MOUNTS_H_

#include <span>

#include "absl/status/status.h"

namespace voidbox {

// A file system that PID 1 mounts.
struct Mount {
  const char* type;
  const char* path;
  unsigned long flags;  // MS_* of mount(2)
  const char* options;
  // What lies in the directory below is copied into it. Where that is too much (copy_tree.h, or its
  // size), nothing is mounted, and what lies there is used as it is.
  bool takes_contents = false;
};

// Mounts it, on a directory that is made when missing. Does nothing where something is mounted
// already.
absl::Status MountOnce(const Mount& mount);

// What the agent itself needs to run commands, and what programs expect beside it; the latter
// depends on whether the root is in memory.
std::span<const Mount> EssentialMounts();
std::span<const Mount> OtherMounts();

// The kernel makes the root directory of an initramfs one that everybody may write to (mode 01777,
// mm/shmem.c); this does away with that.
absl::Status ProtectRootDirectory();

// /run/lock, where it is missing, for everybody as Debian has it.
absl::Status MakeLockDirectory();

// Everybody may use AF_VSOCK anyhow; /dev/vsock only tells the own address, and udev, too, leaves
// it to everybody.
void OpenVsockDevice();

// /dev/fd, /dev/stdin, /dev/stdout, /dev/stderr, where they are missing.
void MakeDeviceLinks();

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_MOUNTS_H_

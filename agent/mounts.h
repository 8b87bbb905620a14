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

// /dev/fd, /dev/stdin, /dev/stdout, /dev/stderr, where they are missing.
void MakeDeviceLinks();

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_MOUNTS_H_

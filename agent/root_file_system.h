#ifndef VOIDBOX_AGENT_ROOT_FILE_SYSTEM_H_
#define VOIDBOX_AGENT_ROOT_FILE_SYSTEM_H_

#include "absl/status/status.h"

namespace voidbox {

// The root file system of a guest that has it on a disk. For one in memory (an initramfs) nothing
// is done, and that is OK.

// Whether it is on a disk.
bool RootIsOnDisk();
// Mounts it writable if the kernel mounted it read-only, as kernels do unless they are told `rw`.
// Before anything else, since directories to mount on may have to be made.
absl::Status MakeRootWritable();
// Nothing is written to it from now on, and its journal is empty. Needs /proc no more than the
// others; fails while a file is open for writing.
absl::Status MakeRootReadOnly();
// Grows an ext4 to its whole disk, where that is larger; a rest of less than one block group may be
// left over. Needs /dev and /sys. FAILED_PRECONDITION for another file system, which stays as it
// is, and when the kernel did less; other errors are the kernel's.
absl::Status GrowRoot();

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_ROOT_FILE_SYSTEM_H_

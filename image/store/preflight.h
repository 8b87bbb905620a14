#ifndef VOIDBOX_IMAGE_STORE_PREFLIGHT_H_
#define VOIDBOX_IMAGE_STORE_PREFLIGHT_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace voidbox {

// The files of an image, by their paths; those that it does not have are empty.
struct ImageFiles {
  std::string kernel;
  std::string initramfs;
  std::string rootfs;
};

// What was found in them.
struct Preflight {
  std::string kernel_kind;     // as BlobReference::kind has them
  std::string kernel_release;  // as uname(2) tells it; empty where the file does not
  std::string initramfs_kind;  // empty without one
  uint64_t minimum_memory_bytes = 0;
  uint64_t bytes_on_disk = 0;  // of all files together
};

// Looks at the files before anything is stored: a kernel that the VMM can boot, an initramfs that
// it can unpack, both fitting into a guest of `memory_bytes` bytes, and a root disk with an ext4
// file system that it mounts. INVALID_ARGUMENT or UNIMPLEMENTED (of another architecture) names the
// file, the value and the limit.
absl::StatusOr<Preflight> CheckImageFiles(const ImageFiles& files, uint64_t memory_bytes);

// INVALID_ARGUMENT unless the root file system, or the initramfs where there is none, has the
// program that the kernel, with these words on its command line, executes as its first; the agent
// is to be that. OK for a root that is not where run puts it, and for an initramfs in front of a
// root file system, to which it goes on in whatever way it likes. DATA_LOSS for an initramfs that
// is damaged, RESOURCE_EXHAUSTED for one that unpacks to more than `memory_bytes`.
absl::Status CheckInit(const ImageFiles& files, absl::string_view words, uint64_t memory_bytes);

// How a guest uses a root disk.
struct RootDiskUse {
  bool own_kernel = true;
  uint64_t disk_bytes = 0;  // 0: as large as the file
  absl::string_view words;  // of the user, on the kernel's command line
};

// INVALID_ARGUMENT unless the guest kernel can mount the file system at `path` writable, and grow
// it to the disk. OK for what is not ext4 by the user's words.
absl::Status CheckRootDisk(const std::string& path, const RootDiskUse& use);

// INVALID_ARGUMENT for an initramfs whose first archive is packed as a kernel of image/kernel
// cannot unpack it.
absl::Status CheckOwnKernelUnpacks(const std::string& initramfs);

// INVALID_ARGUMENT unless the words fit on the kernel's command line and are printable ASCII.
absl::Status CheckCommandLine(const std::string& words);

// What an initramfs with these first bytes is: "cpio", or "cpio+gzip" and so on.
std::string InitramfsKind(absl::string_view head);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_STORE_PREFLIGHT_H_

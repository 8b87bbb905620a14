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
  std::string kernel_release;  // as KernelImage::release
  std::string initramfs_kind;  // empty without one
  uint64_t minimum_memory_bytes = 0;
  uint64_t bytes_on_disk = 0;  // of all files together
};

// Looks at the files before anything is stored: a kernel that the VMM can boot, an initramfs that
// Linux can unpack, both fitting into a guest of `memory_bytes` bytes, and a root disk with an ext4
// file system. INVALID_ARGUMENT or UNIMPLEMENTED (of another architecture) names the file, the
// value and the limit.
absl::StatusOr<Preflight> CheckImageFiles(const ImageFiles& files, uint64_t memory_bytes);

// INVALID_ARGUMENT unless the words fit on the kernel's command line and are printable ASCII.
absl::Status CheckCommandLine(const std::string& words);

// What an initramfs with these first bytes is: "cpio", or "cpio+gzip" and so on.
std::string InitramfsKind(absl::string_view head);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_STORE_PREFLIGHT_H_

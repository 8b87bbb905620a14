#ifndef VOIDBOX_VMM_BOOT_INITRAMFS_IMAGE_H_
#define VOIDBOX_VMM_BOOT_INITRAMFS_IMAGE_H_

#include <cstddef>
#include <span>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace voidbox {

// What an initramfs was found to be.
struct InitramfsContents {
  // What the first compressed archive is packed with: gzip, bzip2, lzma, xz, lzo, lz4 or zstd;
  // empty when none is.
  absl::string_view packing;
  size_t packed_at = 0;   // where that begins; the file's size when there is none
  bool has_init = false;  // an uncompressed archive before it has /init
};

// Whether a Linux kernel can begin to unpack the file as its initramfs: cpio archives (format
// "newc", Linux Documentation/driver-api/early-userspace/buffer-format.rst) in a row, uncompressed
// or compressed, with zeroes between them. Uncompressed ones are walked to their end, of compressed
// ones only the first bytes are known. INVALID_ARGUMENT, with the place, for anything else.
absl::StatusOr<InitramfsContents> CheckInitramfs(std::span<const std::byte> file);

}  // namespace voidbox

#endif  // VOIDBOX_VMM_BOOT_INITRAMFS_IMAGE_H_

#ifndef VOIDBOX_VMM_BOOT_INITRAMFS_IMAGE_H_
#define VOIDBOX_VMM_BOOT_INITRAMFS_IMAGE_H_

#include <cstddef>
#include <span>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace voidbox {

// Whether a Linux kernel can begin to unpack the file as its initramfs: cpio archives (format
// "newc", Linux Documentation/driver-api/early-userspace/buffer-format.rst) in a row, uncompressed
// or compressed, with zeroes between them. Uncompressed ones are walked to their end, of compressed
// ones only the first bytes are known. Returns what the first compressed one is packed with: gzip,
// bzip2, lzma, xz, lzo, lz4 or zstd; empty when none is. INVALID_ARGUMENT, with the place, for
// anything else.
absl::StatusOr<absl::string_view> CheckInitramfs(std::span<const std::byte> file);

}  // namespace voidbox

#endif  // VOIDBOX_VMM_BOOT_INITRAMFS_IMAGE_H_

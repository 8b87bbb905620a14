#ifndef VOIDBOX_IMAGE_EXT4_SUPERBLOCK_H_
#define VOIDBOX_IMAGE_EXT4_SUPERBLOCK_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace voidbox {

// Where a superblock lies in its file system, and how long it is (Linux
// Documentation/filesystems/ext4/super.rst).
inline constexpr size_t kExt4SuperblockOffset = 1024;
inline constexpr size_t kExt4SuperblockBytes = 1024;

// What a superblock says, once it was found to be one that a guest can mount.
struct Ext4Superblock {
  uint32_t block_bytes = 0;
  uint64_t blocks = 0;
  uint64_t free_blocks = 0;
  uint32_t inodes = 0;
  uint32_t free_inodes = 0;
  std::array<uint8_t, 16> uuid = {};
  std::string label;
  bool needs_recovery = false;  // its journal is to be replayed, which a mount does
  bool has_errors = false;      // its kernel found it damaged; e2fsck is due

  uint64_t bytes() const { return blocks * block_bytes; }
};

// Checks the superblock in the first bytes of an image (as many as there are; 2048 do) of a file of
// `file_bytes`. INVALID_ARGUMENT with the numbers for what is no ext4, contradicts itself or the
// file, or has features that the guest kernel of image/kernel (Linux 6.1) does not mount.
absl::StatusOr<Ext4Superblock> ParseExt4Superblock(absl::string_view head, uint64_t file_bytes);

// Of an image file.
absl::StatusOr<Ext4Superblock> ReadExt4Superblock(const std::string& path);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_EXT4_SUPERBLOCK_H_

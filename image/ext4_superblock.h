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
  // s_feature_compat and so on.
  uint32_t compat = 0;
  uint32_t incompat = 0;
  uint32_t ro_compat = 0;
  uint32_t journal_inode = 0;  // 0 without a journal, and for one on another device
  // How it is laid out.
  uint32_t first_data_block = 0;
  uint32_t blocks_per_group = 0;
  uint32_t inodes_per_group = 0;
  uint32_t inode_bytes = 0;
  uint32_t group_descriptor_bytes = 0;
  uint32_t reserved_group_descriptor_blocks = 0;
  uint32_t first_meta_group = 0;                   // with the feature meta_bg
  std::array<uint32_t, 2> backup_groups = {0, 0};  // with the feature sparse_super2

  uint64_t bytes() const { return blocks * block_bytes; }
};

// Which kernel is to mount it: image/kernel's (Linux 6.1), or one of whose configuration nothing
// is known.
enum class Ext4Kernel { kOwn, kOther };

// Checks the superblock in the first bytes of an image (as many as there are; 2048 do) of a file of
// `file_bytes`. INVALID_ARGUMENT with the numbers for what is no ext4, contradicts itself or the
// file, or has features with which the kernel does not mount it writable (CheckExt4Mountable).
absl::StatusOr<Ext4Superblock> ParseExt4Superblock(absl::string_view head, uint64_t file_bytes,
                                                   Ext4Kernel kernel = Ext4Kernel::kOwn);

// Of an image file.
absl::StatusOr<Ext4Superblock> ReadExt4Superblock(const std::string& path,
                                                  Ext4Kernel kernel = Ext4Kernel::kOwn);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_EXT4_SUPERBLOCK_H_

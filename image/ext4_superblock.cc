#include "image/ext4_superblock.h"

#include <ext2fs/ext2_fs.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/errno_status.h"
#include "base/io.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"

namespace voidbox {
namespace {

static_assert(sizeof(ext2_super_block) == kExt4SuperblockBytes);

constexpr size_t kMagicOffset = kExt4SuperblockOffset + offsetof(ext2_super_block, s_magic);
constexpr uint32_t kMaxLogBlockBytes = 2;  // 1024 << 2: no more than a page, as Linux 6.1 demands
constexpr uint32_t kMinInodeBytes = EXT2_GOOD_OLD_INODE_SIZE;

// fs/ext4/ext4.h of Linux 6.1, EXT4_FEATURE_INCOMPAT_SUPP and EXT4_FEATURE_RO_COMPAT_SUPP, without
// what the guest kernel's configuration leaves out: encryption, case folding, quotas, verity.
constexpr uint32_t kKnownIncompat =
    EXT2_FEATURE_INCOMPAT_FILETYPE | EXT3_FEATURE_INCOMPAT_RECOVER | EXT2_FEATURE_INCOMPAT_META_BG |
    EXT3_FEATURE_INCOMPAT_EXTENTS | EXT4_FEATURE_INCOMPAT_64BIT | EXT4_FEATURE_INCOMPAT_FLEX_BG |
    EXT4_FEATURE_INCOMPAT_EA_INODE | EXT4_FEATURE_INCOMPAT_CSUM_SEED |
    EXT4_FEATURE_INCOMPAT_LARGEDIR | EXT4_FEATURE_INCOMPAT_INLINE_DATA;
constexpr uint32_t kKnownRoCompat =
    EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER | EXT2_FEATURE_RO_COMPAT_LARGE_FILE |
    EXT4_FEATURE_RO_COMPAT_HUGE_FILE | EXT4_FEATURE_RO_COMPAT_GDT_CSUM |
    EXT4_FEATURE_RO_COMPAT_DIR_NLINK | EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE |
    EXT4_FEATURE_RO_COMPAT_BIGALLOC | EXT4_FEATURE_RO_COMPAT_METADATA_CSUM |
    EXT4_FEATURE_RO_COMPAT_ORPHAN_PRESENT;

template <typename... Parts>
absl::Status Invalid(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat(parts...));
}

// The number of a field that has its upper half elsewhere, in file systems with 64-bit numbers.
uint64_t Wide(const ext2_super_block& super, uint32_t low, uint32_t high) {
  const bool is_wide = (super.s_feature_incompat & EXT4_FEATURE_INCOMPAT_64BIT) != 0;
  return low | (is_wide ? uint64_t{high} << 32 : 0);
}

absl::Status CheckFeatures(const ext2_super_block& super) {
  if (const uint32_t unknown = super.s_feature_incompat & ~kKnownIncompat; unknown != 0) {
    return Invalid("ext4: incompatible features ", absl::StrFormat("0x%x", unknown),
                   " are none that the guest kernel mounts");
  }
  if (const uint32_t unknown = super.s_feature_ro_compat & ~kKnownRoCompat; unknown != 0) {
    return Invalid("ext4: features ", absl::StrFormat("0x%x", unknown),
                   " are none with which the guest kernel mounts it writable");
  }
  return absl::OkStatus();
}

// Each group has a block's worth of bits for its blocks, and one for its inodes.
absl::Status CheckGroups(const ext2_super_block& super, const Ext4Superblock& parsed) {
  const uint32_t bits = parsed.block_bytes * 8;
  const uint32_t clusters = super.s_clusters_per_group;
  if (clusters == 0 || clusters > bits || super.s_blocks_per_group == 0 ||
      super.s_blocks_per_group < clusters) {
    return Invalid("ext4: ", super.s_blocks_per_group, " blocks and ", clusters,
                   " clusters a group are outside 1 to ", bits);
  }
  const uint32_t inode_bytes =
      super.s_rev_level == EXT2_GOOD_OLD_REV ? kMinInodeBytes : super.s_inode_size;
  if (inode_bytes < kMinInodeBytes || inode_bytes > parsed.block_bytes ||
      (inode_bytes & (inode_bytes - 1)) != 0) {
    return Invalid("ext4: inodes of ", inode_bytes, " bytes are not a power of two from ",
                   kMinInodeBytes, " to the block's ", parsed.block_bytes);
  }
  const uint32_t inodes = super.s_inodes_per_group;
  if (inodes < parsed.block_bytes / inode_bytes || inodes > bits) {
    return Invalid("ext4: ", inodes, " inodes a group are outside ",
                   parsed.block_bytes / inode_bytes, " to ", bits);
  }
  if (super.s_first_data_block != (parsed.block_bytes == 1024 ? 1u : 0u) ||
      parsed.blocks <= super.s_first_data_block) {
    return Invalid("ext4: the first data block ", super.s_first_data_block, " of ", parsed.blocks,
                   " does not go with blocks of ", parsed.block_bytes, " bytes");
  }
  const uint64_t groups = (parsed.blocks - super.s_first_data_block - 1) / super.s_blocks_per_group;
  if ((groups + 1) * inodes != parsed.inodes) {
    return Invalid("ext4: ", parsed.inodes, " inodes are not ", groups + 1, " groups of ", inodes);
  }
  return absl::OkStatus();
}

absl::Status CheckCounts(const Ext4Superblock& parsed, uint64_t file_bytes) {
  // By division: the product may not fit.
  if (parsed.blocks > file_bytes / parsed.block_bytes) {
    return Invalid("ext4: ", parsed.blocks, " blocks of ", parsed.block_bytes,
                   " bytes do not fit into the file's ", file_bytes,
                   " bytes: it is cut short, or a partition of something else");
  }
  if (parsed.free_blocks > parsed.blocks || parsed.free_inodes > parsed.inodes) {
    return Invalid("ext4: ", parsed.free_blocks, " of ", parsed.blocks, " blocks and ",
                   parsed.free_inodes, " of ", parsed.inodes, " inodes free are too many");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Ext4Superblock> ParseExt4Superblock(absl::string_view head, uint64_t file_bytes) {
  if (head.size() < kExt4SuperblockOffset + kExt4SuperblockBytes) {
    return Invalid("not an ext4 file system: ", head.size(), " bytes are fewer than ",
                   kExt4SuperblockOffset + kExt4SuperblockBytes);
  }
  ext2_super_block super = {};  // little-endian, as every machine that this runs on
  std::memcpy(&super, head.data() + kExt4SuperblockOffset, sizeof(super));
  if (super.s_magic != EXT2_SUPER_MAGIC) {
    return Invalid("not an ext4 file system: magic ", absl::StrFormat("0x%x", super.s_magic),
                   " at byte ", kMagicOffset, ", expected ",
                   absl::StrFormat("0x%x", EXT2_SUPER_MAGIC));
  }
  if (super.s_rev_level > EXT2_DYNAMIC_REV) {
    return Invalid("ext4: revision ", super.s_rev_level, " is newer than 1");
  }
  if (super.s_log_block_size > kMaxLogBlockBytes) {
    return Invalid("ext4: blocks of 1024 << ", super.s_log_block_size,
                   " bytes are larger than 4096");
  }
  RETURN_IF_ERROR(CheckFeatures(super));
  Ext4Superblock parsed;
  parsed.block_bytes = 1024u << super.s_log_block_size;
  parsed.blocks = Wide(super, super.s_blocks_count, super.s_blocks_count_hi);
  parsed.free_blocks = Wide(super, super.s_free_blocks_count, super.s_free_blocks_hi);
  parsed.inodes = super.s_inodes_count;
  parsed.free_inodes = super.s_free_inodes_count;
  std::copy(std::begin(super.s_uuid), std::end(super.s_uuid), parsed.uuid.begin());
  const std::string label(std::begin(super.s_volume_name), std::end(super.s_volume_name));
  parsed.label = absl::CHexEscape(label.substr(0, label.find('\0')));
  parsed.needs_recovery = (super.s_feature_incompat & EXT3_FEATURE_INCOMPAT_RECOVER) != 0;
  parsed.has_errors = (super.s_state & EXT2_ERROR_FS) != 0;
  RETURN_IF_ERROR(CheckCounts(parsed, file_bytes));
  RETURN_IF_ERROR(CheckGroups(super, parsed));
  return parsed;
}

absl::StatusOr<Ext4Superblock> ReadExt4Superblock(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status = {};
  if (!fd || ::fstat(fd.get(), &status) != 0) return ErrnoStatus(path);
  if (!S_ISREG(status.st_mode)) return Invalid(path, ": is not a regular file");
  std::string head(kExt4SuperblockOffset + kExt4SuperblockBytes, '\0');
  ASSIGN_OR_RETURN(const size_t got, ReadUpTo(fd.get(), head.data(), head.size()));
  head.resize(got);
  absl::StatusOr<Ext4Superblock> parsed =
      ParseExt4Superblock(head, static_cast<uint64_t>(status.st_size));
  if (!parsed.ok()) return Invalid(path, ": ", parsed.status().message());
  return parsed;
}

}  // namespace voidbox

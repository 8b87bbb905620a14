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
#include "image/ext4_features.h"

namespace voidbox {
namespace {

static_assert(sizeof(ext2_super_block) == kExt4SuperblockBytes);

constexpr size_t kMagicOffset = kExt4SuperblockOffset + offsetof(ext2_super_block, s_magic);
constexpr uint32_t kMaxLogBlockBytes = 2;  // 1024 << 2: no more than a page, as Linux 6.1 demands
constexpr uint32_t kMinInodeBytes = EXT2_GOOD_OLD_INODE_SIZE;

template <typename... Parts>
absl::Status Invalid(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat(parts...));
}

// The number of a field that has its upper half elsewhere, in file systems with 64-bit numbers.
uint64_t Wide(const ext2_super_block& super, uint32_t low, uint32_t high) {
  const bool is_wide = (super.s_feature_incompat & EXT4_FEATURE_INCOMPAT_64BIT) != 0;
  return low | (is_wide ? uint64_t{high} << 32 : 0);
}

// Each group has a block's worth of bits for its clusters, and one for its inodes.
absl::Status CheckGroups(const ext2_super_block& super, const Ext4Superblock& parsed) {
  const uint32_t bits = parsed.block_bytes * 8;
  const uint32_t clusters = super.s_clusters_per_group;
  const uint32_t blocks = parsed.blocks_per_group;
  if (clusters == 0 || clusters > bits || blocks < clusters || blocks % clusters != 0) {
    return Invalid("ext4: ", blocks, " blocks and ", clusters,
                   " clusters a group are no multiple of each other, or outside 1 to ", bits);
  }
  const uint32_t inode_bytes = parsed.inode_bytes;
  if (inode_bytes < kMinInodeBytes || inode_bytes > parsed.block_bytes ||
      (inode_bytes & (inode_bytes - 1)) != 0) {
    return Invalid("ext4: inodes of ", inode_bytes, " bytes are not a power of two from ",
                   kMinInodeBytes, " to the block's ", parsed.block_bytes);
  }
  const uint32_t inodes = parsed.inodes_per_group;
  if (inodes < parsed.block_bytes / inode_bytes || inodes > bits) {
    return Invalid("ext4: ", inodes, " inodes a group are outside ",
                   parsed.block_bytes / inode_bytes, " to ", bits);
  }
  const uint32_t descriptor_bytes = parsed.group_descriptor_bytes;
  const bool is_wide = (parsed.incompat & EXT4_FEATURE_INCOMPAT_64BIT) != 0;
  const uint32_t least = is_wide ? EXT2_MIN_DESC_SIZE_64BIT : EXT2_MIN_DESC_SIZE;
  if (descriptor_bytes < least || descriptor_bytes > parsed.block_bytes ||
      (descriptor_bytes & (descriptor_bytes - 1)) != 0) {
    return Invalid("ext4: group descriptors of ", descriptor_bytes,
                   " bytes are not a power of two from ", least, " to the block's ",
                   parsed.block_bytes);
  }
  // The superblock is in block 1 where blocks have 1 KiB, but clusters begin at block 0.
  const bool is_clustered = (parsed.ro_compat & EXT4_FEATURE_RO_COMPAT_BIGALLOC) != 0;
  if (parsed.first_data_block != (parsed.block_bytes == 1024 && !is_clustered ? 1u : 0u) ||
      parsed.blocks <= parsed.first_data_block) {
    return Invalid("ext4: the first data block ", parsed.first_data_block, " of ", parsed.blocks,
                   " does not go with blocks of ", parsed.block_bytes, " bytes");
  }
  const uint64_t groups = (parsed.blocks - parsed.first_data_block - 1) / blocks;
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

// As it says them.
Ext4Superblock FieldsOf(const ext2_super_block& super) {
  Ext4Superblock fields;
  const bool is_old = super.s_rev_level == EXT2_GOOD_OLD_REV;
  fields.block_bytes = 1024u << super.s_log_block_size;
  fields.blocks = Wide(super, super.s_blocks_count, super.s_blocks_count_hi);
  fields.free_blocks = Wide(super, super.s_free_blocks_count, super.s_free_blocks_hi);
  fields.inodes = super.s_inodes_count;
  fields.free_inodes = super.s_free_inodes_count;
  std::copy(std::begin(super.s_uuid), std::end(super.s_uuid), fields.uuid.begin());
  const std::string label(std::begin(super.s_volume_name), std::end(super.s_volume_name));
  fields.label = absl::CHexEscape(label.substr(0, label.find('\0')));
  fields.needs_recovery = (super.s_feature_incompat & EXT3_FEATURE_INCOMPAT_RECOVER) != 0;
  fields.has_errors = (super.s_state & EXT2_ERROR_FS) != 0;
  fields.compat = super.s_feature_compat;
  fields.incompat = super.s_feature_incompat;
  fields.ro_compat = super.s_feature_ro_compat;
  fields.journal_inode = super.s_journal_inum;
  fields.first_data_block = super.s_first_data_block;
  fields.blocks_per_group = super.s_blocks_per_group;
  fields.inodes_per_group = super.s_inodes_per_group;
  fields.inode_bytes = is_old ? kMinInodeBytes : super.s_inode_size;
  const bool is_wide = (super.s_feature_incompat & EXT4_FEATURE_INCOMPAT_64BIT) != 0;
  fields.group_descriptor_bytes = is_wide ? super.s_desc_size : EXT2_MIN_DESC_SIZE;
  fields.reserved_group_descriptor_blocks = super.s_reserved_gdt_blocks;
  fields.first_meta_group = super.s_first_meta_bg;
  fields.backup_groups = {super.s_backup_bgs[0], super.s_backup_bgs[1]};
  return fields;
}

}  // namespace

absl::StatusOr<Ext4Superblock> ParseExt4Superblock(absl::string_view head, uint64_t file_bytes,
                                                   Ext4Kernel kernel) {
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
  const Ext4Superblock parsed = FieldsOf(super);
  RETURN_IF_ERROR(CheckExt4Mountable(parsed, kernel));
  RETURN_IF_ERROR(CheckCounts(parsed, file_bytes));
  RETURN_IF_ERROR(CheckGroups(super, parsed));
  return parsed;
}

absl::StatusOr<Ext4Superblock> ReadExt4Superblock(const std::string& path, Ext4Kernel kernel) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status = {};
  if (!fd || ::fstat(fd.get(), &status) != 0) return ErrnoStatus(path);
  if (!S_ISREG(status.st_mode)) return Invalid(path, ": is not a regular file");
  std::string head(kExt4SuperblockOffset + kExt4SuperblockBytes, '\0');
  ASSIGN_OR_RETURN(const size_t got, ReadUpTo(fd.get(), head.data(), head.size()));
  head.resize(got);
  absl::StatusOr<Ext4Superblock> parsed =
      ParseExt4Superblock(head, static_cast<uint64_t>(status.st_size), kernel);
  if (!parsed.ok()) return Invalid(path, ": ", parsed.status().message());
  return parsed;
}

}  // namespace voidbox

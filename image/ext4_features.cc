#include "image/ext4_features.h"

#include <ext2fs/ext2_fs.h>

#include <span>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace voidbox {
namespace {

constexpr uint32_t kPageBytes = 4096;  // of less, fs-verity takes blocks since Linux 6.3
// Inode numbers have 32 bits (Linux fs/ext4/resize.c, ext4_resize_fs).
constexpr uint64_t kMaxInodes = UINT32_MAX;
constexpr uint64_t kMaxNarrowBlocks = uint64_t{1} << 32;  // without the feature 64bit

struct Feature {
  uint32_t bit;
  const char* name;
};

// What cannot be, of Linux 6.1's ext4_feature_set_ok and what it calls; e2fsprogs knows more
// features than any kernel.
constexpr Feature kNeverIncompat[] = {{EXT2_FEATURE_INCOMPAT_COMPRESSION, "compression"},
                                      {EXT3_FEATURE_INCOMPAT_JOURNAL_DEV, "journal_dev"},
                                      {EXT4_FEATURE_INCOMPAT_DIRDATA, "dirdata"}};
constexpr Feature kNeverRoCompat[] = {{EXT4_FEATURE_RO_COMPAT_HAS_SNAPSHOT, "snapshot"},
                                      {EXT4_FEATURE_RO_COMPAT_REPLICA, "replica"},
                                      {EXT4_FEATURE_RO_COMPAT_READONLY, "read-only"},
                                      {EXT4_FEATURE_RO_COMPAT_SHARED_BLOCKS, "shared_blocks"}};
// What our configuration leaves out: CONFIG_UNICODE and CONFIG_QUOTA. It has neither
// CONFIG_FS_ENCRYPTION nor CONFIG_FS_VERITY, without which files that are not encrypted and not
// sealed are as good as ever.
constexpr Feature kOwnIncompat[] = {{EXT4_FEATURE_INCOMPAT_CASEFOLD, "casefold"}};
constexpr Feature kOwnRoCompat[] = {{EXT4_FEATURE_RO_COMPAT_QUOTA, "quota"},
                                    {EXT4_FEATURE_RO_COMPAT_PROJECT, "project"}};

constexpr uint32_t kKnownIncompat =
    EXT2_FEATURE_INCOMPAT_FILETYPE | EXT3_FEATURE_INCOMPAT_RECOVER | EXT2_FEATURE_INCOMPAT_META_BG |
    EXT3_FEATURE_INCOMPAT_EXTENTS | EXT4_FEATURE_INCOMPAT_64BIT | EXT4_FEATURE_INCOMPAT_MMP |
    EXT4_FEATURE_INCOMPAT_FLEX_BG | EXT4_FEATURE_INCOMPAT_EA_INODE |
    EXT4_FEATURE_INCOMPAT_CSUM_SEED | EXT4_FEATURE_INCOMPAT_LARGEDIR |
    EXT4_FEATURE_INCOMPAT_INLINE_DATA | EXT4_FEATURE_INCOMPAT_ENCRYPT |
    EXT4_FEATURE_INCOMPAT_CASEFOLD;
constexpr uint32_t kKnownRoCompat =
    EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER | EXT2_FEATURE_RO_COMPAT_LARGE_FILE |
    EXT4_FEATURE_RO_COMPAT_HUGE_FILE | EXT4_FEATURE_RO_COMPAT_GDT_CSUM |
    EXT4_FEATURE_RO_COMPAT_DIR_NLINK | EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE |
    EXT4_FEATURE_RO_COMPAT_QUOTA | EXT4_FEATURE_RO_COMPAT_BIGALLOC |
    EXT4_FEATURE_RO_COMPAT_METADATA_CSUM | EXT4_FEATURE_RO_COMPAT_PROJECT |
    EXT4_FEATURE_RO_COMPAT_VERITY | EXT4_FEATURE_RO_COMPAT_ORPHAN_PRESENT;

absl::Status Invalid(absl::string_view text) {
  return absl::InvalidArgumentError(absl::StrCat("ext4: ", text));
}

// Takes the features of `table` off `bits` and appends their names.
void TakeNames(std::span<const Feature> table, uint32_t& bits, std::vector<std::string>& names) {
  for (const Feature& feature : table) {
    if ((bits & feature.bit) != 0) names.emplace_back(feature.name);
    bits &= ~feature.bit;
  }
}

// The names of the features in the way.
std::vector<std::string> InTheWay(const Ext4Superblock& super, Ext4Kernel kernel) {
  std::vector<std::string> names;
  uint32_t incompat = super.incompat;
  uint32_t ro_compat = super.ro_compat;
  TakeNames(kNeverIncompat, incompat, names);
  TakeNames(kNeverRoCompat, ro_compat, names);
  if (kernel == Ext4Kernel::kOwn) {
    TakeNames(kOwnIncompat, incompat, names);
    TakeNames(kOwnRoCompat, ro_compat, names);
  }
  // What nobody has named yet.
  if ((incompat & ~kKnownIncompat) != 0) {
    names.push_back(absl::StrFormat("incompat 0x%x", incompat & ~kKnownIncompat));
  }
  if ((ro_compat & ~kKnownRoCompat) != 0) {
    names.push_back(absl::StrFormat("ro_compat 0x%x", ro_compat & ~kKnownRoCompat));
  }
  return names;
}

bool Has(uint32_t features, uint32_t feature) { return (features & feature) != 0; }

}  // namespace

absl::Status CheckExt4Mountable(const Ext4Superblock& super, Ext4Kernel kernel) {
  if (const std::vector<std::string> names = InTheWay(super, kernel); !names.empty()) {
    return Invalid(absl::StrCat("the guest kernel does not mount it writable with ",
                                names.size() == 1 ? "the feature " : "the features ",
                                absl::StrJoin(names, ", "), "; make it without (mke2fs -O ^",
                                absl::StrJoin(names, ",^"), ")"));
  }
  if (kernel == Ext4Kernel::kOwn && super.block_bytes < kPageBytes &&
      Has(super.ro_compat, EXT4_FEATURE_RO_COMPAT_VERITY)) {
    return Invalid(absl::StrCat("the guest kernel does not mount it with the feature verity and ",
                                "blocks of ", super.block_bytes, " bytes; make it with ",
                                kPageBytes, " (mke2fs -b ", kPageBytes, ") or without it"));
  }
  if (Has(super.ro_compat, EXT4_FEATURE_RO_COMPAT_BIGALLOC) &&
      !Has(super.incompat, EXT3_FEATURE_INCOMPAT_EXTENTS)) {
    return Invalid("it has the feature bigalloc without extents, which no kernel mounts");
  }
  if (Has(super.compat, EXT3_FEATURE_COMPAT_HAS_JOURNAL) && super.journal_inode == 0) {
    return Invalid("its journal is on another device, which a guest does not have");
  }
  return absl::OkStatus();
}

absl::Status CheckExt4Growable(const Ext4Superblock& super, uint64_t disk_bytes) {
  const uint64_t blocks = disk_bytes / super.block_bytes;
  if (blocks <= super.blocks) return absl::OkStatus();
  const bool has_resize_inode = Has(super.compat, EXT2_FEATURE_COMPAT_RESIZE_INODE);
  std::string why;
  if (Has(super.compat, EXT4_FEATURE_COMPAT_SPARSE_SUPER2)) {
    why = "it has the feature sparse_super2";
  } else if (super.has_errors) {
    why = "a kernel found errors in it: run e2fsck on it first";
  } else if (super.reserved_group_descriptor_blocks != 0 && !has_resize_inode) {
    why = "it has room for more group descriptors without the feature resize_inode";
  } else if (has_resize_inode && Has(super.incompat, EXT2_FEATURE_INCOMPAT_META_BG)) {
    why = "it has the features resize_inode and meta_bg at once";
  } else if (!Has(super.incompat, EXT4_FEATURE_INCOMPAT_64BIT) && blocks > kMaxNarrowBlocks) {
    why = absl::StrCat("without the feature 64bit it has ", kMaxNarrowBlocks, " blocks at most");
  } else if ((blocks - 1 - super.first_data_block) / super.blocks_per_group >=
             kMaxInodes / super.inodes_per_group) {
    why = absl::StrCat("it would have more inodes than ", kMaxInodes);
  } else {
    return absl::OkStatus();
  }
  return Invalid(
      absl::StrCat("its ", super.bytes(), " bytes cannot grow to ", disk_bytes, ": ", why));
}

}  // namespace voidbox

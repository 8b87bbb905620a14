#include "image/ext4_filesystem.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "base/status_macros.h"
#include "image/ext4_directory.h"
#include "image/sha256.h"

namespace voidbox {
namespace {

constexpr uint32_t kLogBlockBytes = 2;        // 1024 << 2
constexpr uint8_t kLogGroupsPerFlex = 4;      // as mke2fs: tables of 16 groups together
constexpr uint16_t kDescriptorBytes = 64;     // of a group, with 64-bit block numbers
constexpr uint64_t kMaxExtentBlocks = 32768;  // ext4/ifork.rst: ee_len of what is initialised
constexpr uint16_t kExtraInodeBytes = sizeof(ext2_inode_large) - EXT2_GOOD_OLD_INODE_SIZE;

absl::Status Ext2Status(absl::string_view what, errcode_t code) {
  if (code == 0) return absl::OkStatus();
  const std::string message = absl::StrCat(what, ": ", error_message(code));
  switch (code) {
    case EXT2_ET_BLOCK_ALLOC_FAIL:
    case EXT2_ET_EA_NO_SPACE:
    case EXT2_ET_NO_MEMORY:
      return absl::ResourceExhaustedError(message);
    default:
      return absl::InternalError(message);
  }
}

ext2_super_block Parameters(const Ext4Filesystem::Geometry& geometry) {
  ext2_super_block super = {};
  super.s_rev_level = EXT2_DYNAMIC_REV;
  super.s_log_block_size = kLogBlockBytes;
  super.s_log_cluster_size = kLogBlockBytes;
  super.s_inode_size = sizeof(ext2_inode_large) > 128 ? 256 : 128;
  super.s_inodes_count = geometry.inodes;
  super.s_desc_size = kDescriptorBytes;
  super.s_log_groups_per_flex = kLogGroupsPerFlex;
  super.s_feature_compat = EXT2_FEATURE_COMPAT_EXT_ATTR | EXT2_FEATURE_COMPAT_DIR_INDEX |
                           EXT2_FEATURE_COMPAT_RESIZE_INODE;
  super.s_feature_incompat = EXT2_FEATURE_INCOMPAT_FILETYPE | EXT3_FEATURE_INCOMPAT_EXTENTS |
                             EXT4_FEATURE_INCOMPAT_64BIT | EXT4_FEATURE_INCOMPAT_FLEX_BG;
  if (geometry.has_large_xattrs) super.s_feature_incompat |= EXT4_FEATURE_INCOMPAT_EA_INODE;
  super.s_feature_ro_compat =
      EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER | EXT2_FEATURE_RO_COMPAT_LARGE_FILE |
      EXT4_FEATURE_RO_COMPAT_HUGE_FILE | EXT4_FEATURE_RO_COMPAT_DIR_NLINK |
      EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE | EXT4_FEATURE_RO_COMPAT_METADATA_CSUM;
  ext2fs_blocks_count_set(&super, geometry.blocks);
  return super;
}

void FillSuperblock(struct_ext2_filsys& fs, const Ext4Filesystem::Geometry& geometry) {
  ext2_super_block& super = *fs.super;
  // libext2fs takes 0 for "ask the clock".
  const auto time = static_cast<uint32_t>(std::clamp<int64_t>(geometry.time, 1, UINT32_MAX));
  fs.now = time;
  super.s_mkfs_time = time;
  super.s_lastcheck = time;
  super.s_wtime = time;
  std::copy(geometry.uuid.begin(), geometry.uuid.end(), super.s_uuid);
  // What a directory's hash is keyed with: any fixed number will do, since the images are not
  // secret.
  const Sha256Digest seed = Sha256Of(
      absl::StrCat("ext4 hash seed ", std::string(geometry.uuid.begin(), geometry.uuid.end())));
  std::memcpy(super.s_hash_seed, seed.data(), sizeof(super.s_hash_seed));
  super.s_def_hash_version = EXT2_HASH_HALF_MD4;
  super.s_flags = EXT2_FLAGS_SIGNED_HASH;
  super.s_checksum_type = EXT2_CRC32C_CHKSUM;
  super.s_max_mnt_count = -1;  // no checks by count or by time
  super.s_checkinterval = 0;
  super.s_min_extra_isize = kExtraInodeBytes;
  super.s_want_extra_isize = kExtraInodeBytes;
  std::copy_n(geometry.label.data(), std::min(geometry.label.size(), sizeof(super.s_volume_name)),
              super.s_volume_name);
  ext2fs_init_csum_seed(&fs);
}

ext2_inode* Small(ext2_inode_large& inode) {
  // libext2fs's own convention: the small form is the large one's beginning.
  void* const start = &inode;
  return static_cast<ext2_inode*>(start);
}

}  // namespace

absl::StatusOr<Ext4Filesystem> Ext4Filesystem::Create(const std::string& path,
                                                      const Geometry& geometry) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!fd) return ErrnoStatus(path);
  const uint64_t bytes = geometry.blocks * kExt4BlockBytes;
  if (::ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0) {
    return ErrnoStatus(absl::StrCat(path, ": a size of ", bytes, " bytes"));
  }
  Ext4Filesystem filesystem(std::move(fd));
  if (const absl::Status status = filesystem.Initialize(path, geometry); !status.ok()) {
    return absl::Status(status.code(), absl::StrCat(path, ": ", status.message()));
  }
  return filesystem;
}

absl::Status Ext4Filesystem::Initialize(const std::string& path, const Geometry& geometry) {
  initialize_ext2_error_table();
  ext2_super_block parameters = Parameters(geometry);
  ext2_filsys fs = nullptr;
  RETURN_IF_ERROR(Ext2Status("ext4", ext2fs_initialize(path.c_str(), EXT2_FLAG_64BITS, &parameters,
                                                       unix_io_manager, &fs)));
  fs_.reset(fs);
  FillSuperblock(*fs, geometry);
  RETURN_IF_ERROR(Ext2Status("ext4 tables", ext2fs_allocate_tables(fs)));
  RETURN_IF_ERROR(AddInternalInodes());
  const uint64_t bytes = ext2fs_blocks_count(fs->super) * kExt4BlockBytes;
  if (::ftruncate(fd_.get(), static_cast<off_t>(bytes)) != 0) return ErrnoStatus("ext4 size");
  return absl::OkStatus();
}

absl::Status Ext4Filesystem::AddInternalInodes() {
  ext2_filsys fs = fs_.get();
  for (uint32_t number = 1; number < EXT2_FIRST_INODE(fs->super); ++number) {
    TakeInode(number, number == EXT2_ROOT_INO);
  }
  RETURN_IF_ERROR(Ext2Status("ext4 resize inode", ext2fs_create_resize_inode(fs)));
  ext2fs_journal_params journal = {};
  journal.num_journal_blocks = static_cast<blk_t>(
      std::max(ext2fs_default_journal_size(ext2fs_blocks_count(fs->super)), 1024));
  // Lazily: the journal's blocks are a hole of the image, zeroes already.
  return Ext2Status("ext4 journal",
                    ext2fs_add_journal_inode3(fs, &journal, ~blk64_t{0}, EXT2_MKJOURNAL_LAZYINIT));
}

uint64_t Ext4Filesystem::free_blocks() const { return ext2fs_free_blocks_count(fs_->super); }

uint64_t Ext4Filesystem::blocks() const { return ext2fs_blocks_count(fs_->super); }

uint32_t Ext4Filesystem::used_inodes() const {
  return fs_->super->s_inodes_count - fs_->super->s_free_inodes_count;
}

void Ext4Filesystem::TakeInode(uint32_t number, bool is_directory) {
  ext2fs_inode_alloc_stats2(fs_.get(), number, +1, is_directory ? 1 : 0);
}

absl::Status Ext4Filesystem::InitExtents(uint32_t number, ext2_inode_large& inode) {
  ext2_extent_handle_t handle = nullptr;
  const errcode_t error = ext2fs_extent_open2(fs_.get(), number, Small(inode), &handle);
  if (error == 0) ext2fs_extent_free(handle);
  return Ext2Status("ext4 extents", error);
}

absl::StatusOr<Ext4Filesystem::Extent> Ext4Filesystem::TakeBlocks(uint64_t count) {
  ext2_filsys fs = fs_.get();
  blk64_t first = 0;
  blk64_t length = 0;
  RETURN_IF_ERROR(
      Ext2Status("ext4 blocks", ext2fs_new_range(fs, 0, goal_, count, nullptr, &first, &length)));
  length = std::min<uint64_t>({length, count, kMaxExtentBlocks});
  ext2fs_block_alloc_stats_range(fs, first, static_cast<blk_t>(length), +1);
  goal_ = first + length;
  return Extent{.physical = first, .count = length};
}

absl::StatusOr<std::vector<Ext4Filesystem::Extent>> Ext4Filesystem::Allocate(
    uint32_t number, ext2_inode_large& inode, uint64_t logical, uint64_t count) {
  ext2_extent_handle_t opened = nullptr;
  RETURN_IF_ERROR(
      Ext2Status("ext4 extents", ext2fs_extent_open2(fs_.get(), number, Small(inode), &opened)));
  const std::unique_ptr<ext2_extent_handle, void (*)(ext2_extent_handle_t)> handle(
      opened, ext2fs_extent_free);
  // The new ones go behind the last one; that there is none is no error.
  ext2fs_extent last = {};
  if (inode.i_blocks != 0) {
    RETURN_IF_ERROR(
        Ext2Status("ext4 extents", ext2fs_extent_get(handle.get(), EXT2_EXTENT_LAST_LEAF, &last)));
  }
  std::vector<Extent> extents;
  for (uint64_t done = 0; done < count;) {
    ASSIGN_OR_RETURN(Extent extent, TakeBlocks(count - done));
    extent.logical = logical + done;
    ext2fs_extent inserted = {.e_pblk = extent.physical,
                              .e_lblk = extent.logical,
                              .e_len = static_cast<__u32>(extent.count)};
    RETURN_IF_ERROR(Ext2Status(
        "ext4 extents", ext2fs_extent_insert(handle.get(), EXT2_EXTENT_INSERT_AFTER, &inserted)));
    RETURN_IF_ERROR(Ext2Status("ext4 block count",
                               ext2fs_iblk_add_blocks(fs_.get(), Small(inode), extent.count)));
    done += extent.count;
    extents.push_back(extent);
  }
  return extents;
}

absl::Status Ext4Filesystem::WriteInode(uint32_t number, const ext2_inode_large& inode) {
  ext2_inode_large copy = inode;
  return Ext2Status("ext4 inode",
                    ext2fs_write_inode_full(fs_.get(), number, Small(copy), sizeof(copy)));
}

absl::Status Ext4Filesystem::WriteXattrs(uint32_t number,
                                         const std::map<std::string, std::string>& xattrs) {
  const uint64_t free_before = free_blocks();
  ext2_xattr_handle* handle = nullptr;
  RETURN_IF_ERROR(Ext2Status("ext4 attributes", ext2fs_xattrs_open(fs_.get(), number, &handle)));
  absl::Status status;
  for (const auto& [name, value] : xattrs) {
    status = Ext2Status(absl::StrCat("extended attribute ", name, " of ", value.size(), " bytes"),
                        ext2fs_xattr_set(handle, name.c_str(), value.data(), value.size()));
    if (!status.ok()) break;
  }
  ext2fs_xattrs_close(&handle);
  RETURN_IF_ERROR(status);
  return ChargeXattrInodes(number, free_before - free_blocks());
}

// Linux and e2fsck count the blocks of an attribute's own inode among those of the file that has
// the attribute; libext2fs 1.47 does not.
absl::Status Ext4Filesystem::ChargeXattrInodes(uint32_t number, uint64_t taken_blocks) {
  ext2_inode_large inode = {};
  RETURN_IF_ERROR(Ext2Status(
      "ext4 inode", ext2fs_read_inode_full(fs_.get(), number, Small(inode), sizeof(inode))));
  const bool has_own_block = ext2fs_file_acl_block(fs_.get(), Small(inode)) != 0;
  if (has_own_block) --taken_blocks;  // charged by libext2fs
  if (taken_blocks == 0) return absl::OkStatus();
  RETURN_IF_ERROR(Ext2Status("ext4 block count",
                             ext2fs_iblk_add_blocks(fs_.get(), Small(inode), taken_blocks)));
  return WriteInode(number, inode);
}

absl::Status Ext4Filesystem::WriteDirectoryBlock(uint32_t number, uint64_t physical,
                                                 std::string block) {
  // struct ext4_dir_entry_tail, of which libext2fs fills in the checksum.
  ext2_dir_entry_tail tail = {};
  ext2fs_initialize_dirent_tail(fs_.get(), &tail);
  std::memcpy(block.data() + block.size() - sizeof(tail), &tail, sizeof(tail));
  return Ext2Status("ext4 directory",
                    ext2fs_write_dir_block4(fs_.get(), physical, block.data(), 0, number));
}

absl::Status Ext4Filesystem::WriteData(uint64_t physical, absl::string_view data) {
  static constexpr char kZeroes[kExt4BlockBytes] = {};
  uint64_t offset = physical * kExt4BlockBytes;
  while (!data.empty()) {
    // As many blocks as are not zero in a row, or one that is.
    size_t size = 0;
    while (size < data.size()) {
      const size_t block = std::min(kExt4BlockBytes, data.size() - size);
      if (std::memcmp(data.data() + size, kZeroes, block) == 0) break;
      size += block;
    }
    if (size == 0) {
      size = std::min(kExt4BlockBytes, data.size());
    } else {
      for (size_t done = 0; done < size;) {
        const ssize_t written =
            ::pwrite(fd_.get(), data.data() + done, size - done, static_cast<off_t>(offset + done));
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return ErrnoStatus("ext4 image");
        done += static_cast<size_t>(written);
      }
    }
    data.remove_prefix(size);
    offset += size;
  }
  return absl::OkStatus();
}

absl::Status Ext4Filesystem::Close() {
  ext2_filsys fs = fs_.get();
  // The inode tables are holes: the kernel need not zero them in the background after mounting.
  for (dgrp_t group = 0; group < fs->group_desc_count; ++group) {
    ext2fs_bg_flags_set(fs, group, EXT2_BG_INODE_ZEROED);
  }
  RETURN_IF_ERROR(Ext2Status("ext4 group checksums", ext2fs_set_gdt_csum(fs)));
  ext2fs_mark_super_dirty(fs);
  ext2fs_mark_ib_dirty(fs);
  ext2fs_mark_bb_dirty(fs);
  return Ext2Status("ext4", ext2fs_close(fs_.release()));
}

}  // namespace voidbox

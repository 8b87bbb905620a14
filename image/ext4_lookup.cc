#include "image/ext4_lookup.h"

#include <ext2fs/ext2_fs.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/about_status.h"
#include "base/errno_status.h"
#include "base/read_at.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"

namespace voidbox {
namespace {

constexpr uint32_t kRootInode = EXT2_ROOT_INO;
constexpr int kMaxLinks = 40;               // as MAXSYMLINKS of Linux
constexpr int kMaxNames = 256;              // looked up for one path
constexpr uint64_t kMaxBlocksRead = 65536;  // for one path: 256 MiB of directories
constexpr uint64_t kMaxLinkBytes = 4095;
constexpr uint16_t kExtentMagic = 0xf30a;  // of ext4_extent_header
constexpr int kMaxExtentDepth = 5;
constexpr size_t kInodeMapBytes = 60;  // of i_block

// Structures of Linux fs/ext4/ext4_extents.h, little-endian as every machine that this runs on.
struct ExtentHeader {
  uint16_t magic, entries, max, depth;
  uint32_t generation;
};
struct Extent {
  uint32_t block;
  uint16_t length, start_high;
  uint32_t start_low;
};
struct ExtentIndex {
  uint32_t block, leaf_low;
  uint16_t leaf_high, unused;
};
static_assert(sizeof(ExtentHeader) == 12 && sizeof(Extent) == 12 && sizeof(ExtentIndex) == 12);

struct DiskInode {
  ext2_inode fields = {};
  uint64_t size = 0;

  // `type` is one of S_IFMT, whose values on disk are Linux'.
  bool Is(uint32_t type) const { return (fields.i_mode & S_IFMT) == type; }
  bool Has(uint32_t flag) const { return (fields.i_flags & flag) != 0; }
};

// The file system does not make sense here, or it takes more reading than is right.
absl::Status Unclear(absl::string_view what) { return absl::DataLossError(what); }

// One look-up. Errors mean that nothing can be told.
class Walk {
 public:
  Walk(const Ext4Superblock& super, const Ext4Read& read) : super_(super), read_(read) {}

  // The inode at `path`, or 0.
  absl::StatusOr<uint32_t> Find(absl::string_view path);
  absl::StatusOr<DiskInode> ReadInode(uint32_t number);

 private:
  absl::StatusOr<std::string> Read(uint64_t block, uint64_t offset, uint64_t bytes);
  uint64_t GroupDescriptorBlock(uint64_t index) const;
  // The block of the image with block `index` of a file; 0 for a hole.
  absl::StatusOr<uint64_t> MapBlock(const DiskInode& inode, uint64_t index);
  absl::StatusOr<uint64_t> MapByExtents(std::string node, uint64_t index);
  absl::StatusOr<uint64_t> MapByPointers(const DiskInode& inode, uint64_t index);
  // The number of the entry `name` of a directory, or 0.
  absl::StatusOr<uint32_t> FindIn(const DiskInode& directory, absl::string_view name);
  absl::StatusOr<uint32_t> FindInBlock(absl::string_view block, absl::string_view name) const;
  absl::StatusOr<std::string> ReadLink(const DiskInode& link);

  const Ext4Superblock& super_;
  const Ext4Read& read_;
  uint64_t blocks_read_ = 0;
};

template <typename T>
T At(absl::string_view bytes, size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return value;
}

absl::StatusOr<std::string> Walk::Read(uint64_t block, uint64_t offset, uint64_t bytes) {
  if (block >= super_.blocks || ++blocks_read_ > kMaxBlocksRead) return Unclear("block");
  std::string text(bytes, '\0');
  RETURN_IF_ERROR(read_(block * super_.block_bytes + offset, std::span(text.data(), text.size())));
  return text;
}

bool IsPowerOf(uint64_t number, uint64_t base) {
  while (number % base == 0) number /= base;
  return number == 1;
}

// Linux fs/ext4/super.c, descriptor_loc, and balloc.c, ext4_bg_has_super.
uint64_t Walk::GroupDescriptorBlock(uint64_t index) const {
  const uint64_t superblock = super_.block_bytes == 1024 ? 1 : 0;
  const bool is_meta = (super_.incompat & EXT2_FEATURE_INCOMPAT_META_BG) != 0;
  if (!is_meta || index < super_.first_meta_group) return superblock + 1 + index;
  const uint64_t group = index * (super_.block_bytes / super_.group_descriptor_bytes);
  const auto has_super = [&] {
    if (group == 0) return true;
    if ((super_.compat & EXT4_FEATURE_COMPAT_SPARSE_SUPER2) != 0) {
      return group == super_.backup_groups[0] || group == super_.backup_groups[1];
    }
    if ((super_.ro_compat & EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER) == 0 || group == 1) return true;
    return group % 2 == 1 && (IsPowerOf(group, 3) || IsPowerOf(group, 5) || IsPowerOf(group, 7));
  };
  uint64_t block =
      super_.first_data_block + group * super_.blocks_per_group + (has_super() ? 1 : 0);
  // With clusters, block 0 of 1 KiB is in front of the superblock.
  if (group == 0 && super_.block_bytes == 1024 && super_.first_data_block == 0) ++block;
  return block;
}

absl::StatusOr<DiskInode> Walk::ReadInode(uint32_t number) {
  if (number == 0 || number > super_.inodes) return Unclear("inode number");
  const uint64_t group = (number - 1) / super_.inodes_per_group;
  const uint64_t index = (number - 1) % super_.inodes_per_group;
  const uint64_t per_block = super_.block_bytes / super_.group_descriptor_bytes;
  ASSIGN_OR_RETURN(
      const std::string descriptor,
      Read(GroupDescriptorBlock(group / per_block),
           group % per_block * super_.group_descriptor_bytes, super_.group_descriptor_bytes));
  uint64_t table = At<uint32_t>(descriptor, offsetof(ext4_group_desc, bg_inode_table));
  if (super_.group_descriptor_bytes >= sizeof(ext4_group_desc)) {
    table |= uint64_t{At<uint32_t>(descriptor, offsetof(ext4_group_desc, bg_inode_table_hi))} << 32;
  }
  const uint64_t offset = index * super_.inode_bytes;
  if (table >= super_.blocks) return Unclear("inode table");
  ASSIGN_OR_RETURN(const std::string bytes,
                   Read(table + offset / super_.block_bytes, offset % super_.block_bytes,
                        EXT2_GOOD_OLD_INODE_SIZE));
  DiskInode inode;
  static_assert(sizeof(inode.fields) == EXT2_GOOD_OLD_INODE_SIZE);
  std::memcpy(&inode.fields, bytes.data(), sizeof(inode.fields));
  inode.size = inode.fields.i_size | uint64_t{inode.fields.i_size_high} << 32;
  if (inode.fields.i_mode == 0 || inode.fields.i_links_count == 0) return Unclear("no inode");
  return inode;
}

absl::StatusOr<uint64_t> Walk::MapByExtents(std::string node, uint64_t index) {
  for (int left = kMaxExtentDepth; left >= 0; --left) {
    const auto header = At<ExtentHeader>(node, 0);
    const size_t room = (node.size() - sizeof(header)) / sizeof(Extent);
    if (header.magic != kExtentMagic || header.entries > room || header.depth > left) {
      return Unclear("extents");
    }
    uint64_t next = 0;
    for (size_t i = 0; i < header.entries; ++i) {
      const size_t offset = sizeof(header) + i * sizeof(Extent);
      if (header.depth == 0) {
        const auto extent = At<Extent>(node, offset);
        // One that is allocated and not written is longer by this, and reads as zeroes.
        const bool is_unwritten = extent.length > 1 << 15;
        if (index >= extent.block && index - extent.block < extent.length && !is_unwritten) {
          return (uint64_t{extent.start_high} << 32 | extent.start_low) + (index - extent.block);
        }
      } else {
        const auto entry = At<ExtentIndex>(node, offset);
        if (entry.block > index) break;
        next = uint64_t{entry.leaf_high} << 32 | entry.leaf_low;
      }
    }
    if (header.depth == 0 || next == 0) return 0;
    left = std::min(left, int{header.depth});
    ASSIGN_OR_RETURN(node, Read(next, 0, super_.block_bytes));
  }
  return Unclear("extents");
}

absl::StatusOr<uint64_t> Walk::MapByPointers(const DiskInode& inode, uint64_t index) {
  const uint64_t per_block = super_.block_bytes / sizeof(uint32_t);
  if (index < EXT2_NDIR_BLOCKS) return inode.fields.i_block[index];
  index -= EXT2_NDIR_BLOCKS;
  uint64_t reach = per_block;  // of the pointers below one of this level
  for (int level = 0; level < 3; ++level, reach *= per_block) {
    if (index >= reach) {
      index -= reach;
      continue;
    }
    uint64_t block = inode.fields.i_block[EXT2_IND_BLOCK + level];
    for (uint64_t below = reach / per_block; block != 0 && below > 0; below /= per_block) {
      ASSIGN_OR_RETURN(const std::string pointers, Read(block, 0, super_.block_bytes));
      block = At<uint32_t>(pointers, index / below % per_block * sizeof(uint32_t));
    }
    return block;
  }
  return Unclear("block index");
}

absl::StatusOr<uint64_t> Walk::MapBlock(const DiskInode& inode, uint64_t index) {
  if (!inode.Has(EXT4_EXTENTS_FL)) return MapByPointers(inode, index);
  std::string root(kInodeMapBytes, '\0');
  std::memcpy(root.data(), inode.fields.i_block, root.size());
  return MapByExtents(std::move(root), index);
}

absl::StatusOr<uint32_t> Walk::FindInBlock(absl::string_view block, absl::string_view name) const {
  constexpr size_t kHead = offsetof(ext2_dir_entry_2, name);
  for (size_t offset = 0; offset + kHead <= block.size();) {
    const auto inode = At<uint32_t>(block, offset);
    const auto length = At<uint16_t>(block, offset + offsetof(ext2_dir_entry_2, rec_len));
    const auto name_length = At<uint8_t>(block, offset + offsetof(ext2_dir_entry_2, name_len));
    if (length < kHead || length % 4 != 0 || length > block.size() - offset ||
        kHead + name_length > length) {
      return Unclear("directory entry");
    }
    if (inode != 0 && block.substr(offset + kHead, name_length) == name) return inode;
    offset += length;
  }
  return 0;
}

absl::StatusOr<uint32_t> Walk::FindIn(const DiskInode& directory, absl::string_view name) {
  // Its names are elsewhere, or are not to be read.
  if (directory.Has(EXT4_INLINE_DATA_FL) || directory.Has(EXT4_ENCRYPT_FL) ||
      directory.Has(EXT4_CASEFOLD_FL)) {
    return Unclear("names");
  }
  for (uint64_t index = 0; index < directory.size / super_.block_bytes; ++index) {
    ASSIGN_OR_RETURN(const uint64_t block, MapBlock(directory, index));
    if (block == 0) return Unclear("a directory has no holes");
    // The inner blocks of a hashed directory look like empty ones.
    ASSIGN_OR_RETURN(const std::string bytes, Read(block, 0, super_.block_bytes));
    ASSIGN_OR_RETURN(const uint32_t found, FindInBlock(bytes, name));
    if (found != 0) return found;
  }
  return 0;
}

absl::StatusOr<std::string> Walk::ReadLink(const DiskInode& link) {
  if (link.size == 0 || link.size > std::min<uint64_t>(kMaxLinkBytes, super_.block_bytes) ||
      link.Has(EXT4_ENCRYPT_FL) || (link.Has(EXT4_INLINE_DATA_FL) && link.size > kInodeMapBytes)) {
    return Unclear("link");
  }
  if (link.Has(EXT4_INLINE_DATA_FL) || (link.size < kInodeMapBytes && !link.Has(EXT4_EXTENTS_FL))) {
    std::string target(link.size, '\0');
    std::memcpy(target.data(), link.fields.i_block, target.size());
    return target;
  }
  ASSIGN_OR_RETURN(const uint64_t block, MapBlock(link, 0));
  if (block == 0) return Unclear("link");
  return Read(block, 0, link.size);
}

// Pushes the names of `path` so that the first is at the end.
void PushNames(absl::string_view path, std::vector<std::string>& names) {
  const std::vector<std::string> parts = absl::StrSplit(path, '/', absl::SkipEmpty());
  names.insert(names.end(), parts.rbegin(), parts.rend());
}

absl::StatusOr<uint32_t> Walk::Find(absl::string_view path) {
  std::vector<std::string> names;
  PushNames(path, names);
  std::vector<uint32_t> parents = {kRootInode};
  int links = 0;
  for (int looked_up = 0; !names.empty(); ++looked_up) {
    if (looked_up == kMaxNames) return Unclear("names");
    const std::string name = std::move(names.back());
    names.pop_back();
    if (name == ".") continue;
    if (name == "..") {
      if (parents.size() > 1) parents.pop_back();
      continue;
    }
    ASSIGN_OR_RETURN(const DiskInode directory, ReadInode(parents.back()));
    if (!directory.Is(S_IFDIR)) return 0;
    ASSIGN_OR_RETURN(const uint32_t number, FindIn(directory, name));
    if (number == 0) return 0;
    ASSIGN_OR_RETURN(const DiskInode inode, ReadInode(number));
    if (!inode.Is(S_IFLNK)) {
      parents.push_back(number);
      continue;
    }
    if (++links > kMaxLinks) return 0;
    ASSIGN_OR_RETURN(const std::string target, ReadLink(inode));
    if (target[0] == '/') parents.resize(1);
    PushNames(target, names);
  }
  return parents.back();
}

}  // namespace

Ext4Entry LookUpInExt4(const Ext4Superblock& super, const Ext4Read& read, absl::string_view path) {
  Walk walk(super, read);
  const absl::StatusOr<uint32_t> number = walk.Find(path);
  if (!number.ok()) return Ext4Entry::kUnknown;
  if (*number == 0) return super.needs_recovery ? Ext4Entry::kUnknown : Ext4Entry::kNone;
  const absl::StatusOr<DiskInode> inode = walk.ReadInode(*number);
  if (!inode.ok()) return Ext4Entry::kUnknown;
  constexpr uint16_t kAnybody = S_IXUSR | S_IXGRP | S_IXOTH;
  const bool is_program = inode->Is(S_IFREG) && (inode->fields.i_mode & kAnybody) != 0;
  if (is_program) return Ext4Entry::kProgram;
  return super.needs_recovery ? Ext4Entry::kUnknown : Ext4Entry::kOther;
}

absl::Status CheckExt4Init(const std::string& image, const Ext4Superblock& super,
                           absl::string_view init) {
  const UniqueFd fd(::open(image.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return ErrnoStatus(image);
  const Ext4Read read = [&](uint64_t offset, std::span<char> bytes) -> absl::Status {
    const auto got = ReadUpToAt(fd.get(), offset, bytes.data(), bytes.size());
    if (!got.ok()) return About(image, got.status());
    return *got == bytes.size() ? absl::OkStatus() : Unclear("the end");
  };
  const Ext4Entry found = LookUpInExt4(super, read, init);
  if (found == Ext4Entry::kProgram || found == Ext4Entry::kUnknown) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(image, ": ", absl::CHexEscape(init.substr(0, 100)),
                   found == Ext4Entry::kNone ? " is not there" : " is no program",
                   ", and a guest needs voidbox' agent as that (docs/images.md); `voidbox image "
                   "import --tar` adds it to a root file system's archive"));
}

}  // namespace voidbox

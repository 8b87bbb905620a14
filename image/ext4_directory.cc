#include "image/ext4_directory.h"

#include <ext2fs/ext2_fs.h>

#include <cstring>

namespace voidbox {
namespace {

constexpr size_t kHeaderBytes = 8;     // of an entry, in front of its name
constexpr size_t kChecksumBytes = 12;  // of a block's end, struct ext4_dir_entry_tail
constexpr size_t kUsableBytes = kExt4BlockBytes - kChecksumBytes;

size_t EntryBytes(absl::string_view name) { return (kHeaderBytes + name.size() + 3) & ~size_t{3}; }

uint8_t TypeCode(FileType type) {
  switch (type) {
    case FileType::kRegular:
      return EXT2_FT_REG_FILE;
    case FileType::kDirectory:
      return EXT2_FT_DIR;
    case FileType::kSymlink:
      return EXT2_FT_SYMLINK;
    case FileType::kCharacterDevice:
      return EXT2_FT_CHRDEV;
    case FileType::kBlockDevice:
      return EXT2_FT_BLKDEV;
    case FileType::kFifo:
      return EXT2_FT_FIFO;
  }
  return EXT2_FT_UNKNOWN;
}

// Lays out entries one after the other; what is left of a block belongs to its last entry.
class Packer {
 public:
  void Add(const Ext4DirectoryEntry& entry) {
    const size_t bytes = EntryBytes(entry.name);
    if (blocks_.empty() || used_ + bytes > kUsableBytes) NextBlock();
    last_ = blocks_.size() - kExt4BlockBytes + used_;
    used_ += bytes;
    ext2_dir_entry_2 header = {};
    header.inode = entry.inode;
    header.rec_len = static_cast<uint16_t>(bytes);
    header.name_len = static_cast<uint8_t>(entry.name.size());
    header.file_type = TypeCode(entry.type);
    std::memcpy(blocks_.data() + last_, &header, kHeaderBytes);
    std::memcpy(blocks_.data() + last_ + kHeaderBytes, entry.name.data(), entry.name.size());
  }

  std::string Finish() {
    StretchLast();
    return std::move(blocks_);
  }

 private:
  void NextBlock() {
    StretchLast();
    blocks_.resize(blocks_.size() + kExt4BlockBytes);
    used_ = 0;
  }

  void StretchLast() {
    if (blocks_.empty()) return;
    ext2_dir_entry_2 header = {};
    std::memcpy(&header, blocks_.data() + last_, kHeaderBytes);
    header.rec_len = static_cast<uint16_t>(header.rec_len + kUsableBytes - used_);
    std::memcpy(blocks_.data() + last_, &header, kHeaderBytes);
  }

  std::string blocks_;
  size_t used_ = 0;  // of the last block, bytes
  size_t last_ = 0;  // where the last entry begins
};

}  // namespace

std::string PackExt4Directory(uint32_t self, uint32_t parent,
                              const std::vector<Ext4DirectoryEntry>& entries) {
  Packer packer;
  packer.Add({.inode = self, .name = ".", .type = FileType::kDirectory});
  packer.Add({.inode = parent, .name = "..", .type = FileType::kDirectory});
  for (const Ext4DirectoryEntry& entry : entries) packer.Add(entry);
  return packer.Finish();
}

size_t CountExt4DirectoryBlocks(const Inode& directory) {
  size_t blocks = 1;
  size_t used = EntryBytes(".") + EntryBytes("..");
  for (const auto& [name, entry] : directory.children) {
    const size_t bytes = EntryBytes(name);
    if (used + bytes > kUsableBytes) {
      ++blocks;
      used = 0;
    }
    used += bytes;
  }
  return blocks;
}

}  // namespace voidbox

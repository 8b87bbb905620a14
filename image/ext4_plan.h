#ifndef VOIDBOX_IMAGE_EXT4_PLAN_H_
#define VOIDBOX_IMAGE_EXT4_PLAN_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "image/file_tree.h"

namespace voidbox {

// Where mke2fs has /lost+found: the first inode that is not reserved.
inline constexpr uint32_t kLostFoundInode = 11;
inline constexpr absl::string_view kLostFound = "lost+found";
inline constexpr size_t kFastSymlinkBytes = 59;  // in the inode itself, with a NUL

// Blocks of kExt4BlockBytes that so many bytes take.
uint64_t BlocksOf(uint64_t bytes);

// A run of blocks of a file that has data: segments that meet in a block or touch are one.
struct BlockRun {
  uint64_t first = 0;
  uint64_t count = 0;
};
std::vector<BlockRun> BlockRuns(const FileContents& contents);

// The files of a tree with their inode numbers, and what they take of an ext4 file system: what is
// to be written, in the order of inode numbers. It holds addresses in the tree, and of a member.
struct Ext4Plan {
  Ext4Plan() = default;
  Ext4Plan(const Ext4Plan&) = delete;
  Ext4Plan& operator=(const Ext4Plan&) = delete;

  struct File {
    uint32_t number = 0;
    uint32_t parent = 0;  // of a directory
    uint32_t links = 0;
    const Inode* inode = nullptr;
    std::string path;
  };
  std::vector<File> files;  // the root first
  std::unordered_map<const Inode*, uint32_t> numbers;
  Inode lost_found;  // when the tree has none
  bool add_lost_found = false;
  uint64_t blocks = 0;         // of all files
  uint64_t content_bytes = 0;  // of their data
  // Some attributes are too large for a block: each of all that there are may take an inode.
  bool has_large_xattrs = false;
  uint32_t xattrs = 0;
  uint64_t xattr_blocks = 0;  // then
  uint32_t next_number = kLostFoundInode;
};

// Fills in an empty plan. RESOURCE_EXHAUSTED, with the path, for a file of more than 65000 hard
// links.
absl::Status MakeExt4Plan(const FileTree& tree, Ext4Plan& plan);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_EXT4_PLAN_H_

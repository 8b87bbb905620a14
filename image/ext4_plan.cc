#include "image/ext4_plan.h"

#include <ext2fs/ext2fs.h>

#include <map>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "image/ext4_directory.h"

namespace voidbox {
namespace {

constexpr uint32_t kMaxLinks = 65000;  // EXT4_LINK_MAX

// Whether extended attributes fit into a block (Linux
// Documentation/filesystems/ext4/attributes.rst).
bool FitIntoABlock(const std::map<std::string, std::string>& xattrs) {
  constexpr size_t kHeaderBytes = 32;
  constexpr size_t kEntryBytes = 16;
  constexpr size_t kEndBytes = 4;
  const auto aligned = [](size_t bytes) { return (bytes + 3) / 4 * 4; };
  size_t bytes = kHeaderBytes + kEndBytes;
  for (const auto& [name, value] : xattrs) {
    bytes += kEntryBytes + aligned(name.size()) + aligned(value.size());
  }
  return bytes <= kExt4BlockBytes;
}

// Blocks that a file takes, with those for its extents: never too few.
uint64_t BlocksNeeded(const Inode& inode) {
  uint64_t blocks = inode.metadata.xattrs.empty() ? 0 : 1;
  if (inode.type == FileType::kDirectory) blocks += CountExt4DirectoryBlocks(inode);
  if (inode.type == FileType::kSymlink && inode.symlink_target.size() > kFastSymlinkBytes) ++blocks;
  const std::vector<BlockRun> runs = BlockRuns(inode.contents);
  for (const BlockRun& run : runs) blocks += run.count;
  // Four extents fit into the inode, 340 into a block. A group of 32768 blocks breaks at most one.
  const uint64_t extents = runs.size() + 2 * (blocks / 16384 + 1);
  if (extents > 4) blocks += extents / 300 + 2;
  return blocks;
}

void AddToPlan(const std::string& path, const Inode& inode, uint32_t parent, Ext4Plan& plan) {
  const bool is_root = plan.files.empty();
  const uint32_t number = is_root ? EXT2_ROOT_INO : plan.next_number++;
  const bool is_directory = inode.type == FileType::kDirectory;
  plan.numbers.emplace(&inode, number);
  // A directory is named by its parent and by itself; entries of others are counted as they come.
  plan.files.push_back({.number = number,
                        .parent = parent,
                        .links = is_directory ? 2u : 1u,
                        .inode = &inode,
                        .path = path});
  plan.blocks += BlocksNeeded(inode);
  plan.has_large_xattrs |= !FitIntoABlock(inode.metadata.xattrs);
  for (const auto& [name, value] : inode.metadata.xattrs) {
    ++plan.xattrs;
    plan.xattr_blocks += BlocksOf(value.size()) + 1;
  }
  for (const FileContents::Segment& segment : inode.contents.segments) {
    plan.content_bytes += segment.length;
  }
}

void PlanDirectory(size_t index, Ext4Plan& plan) {
  const Inode& directory = *plan.files[index].inode;
  const uint32_t number = plan.files[index].number;
  const std::string path = plan.files[index].path;
  std::vector<size_t> directories;
  for (const auto& [name, entry] : directory.children) {
    const Inode& child = *entry.inode;
    if (const auto known = plan.numbers.find(&child); known != plan.numbers.end()) {
      ++plan.files[known->second - kLostFoundInode + 1].links;
      continue;
    }
    if (child.type == FileType::kDirectory) {
      ++plan.files[index].links;
      directories.push_back(plan.files.size());
    }
    AddToPlan(absl::StrCat(path, "/", name), child, number, plan);
  }
  for (const size_t child : directories) PlanDirectory(child, plan);
}

}  // namespace

uint64_t BlocksOf(uint64_t bytes) {
  return bytes / kExt4BlockBytes + (bytes % kExt4BlockBytes != 0 ? 1 : 0);
}

std::vector<BlockRun> BlockRuns(const FileContents& contents) {
  std::vector<BlockRun> runs;
  for (const FileContents::Segment& segment : contents.segments) {
    const uint64_t first = segment.offset / kExt4BlockBytes;
    const uint64_t end = BlocksOf(segment.offset + segment.length);
    if (!runs.empty() && first <= runs.back().first + runs.back().count) {
      runs.back().count = end - runs.back().first;
    } else {
      runs.push_back({.first = first, .count = end - first});
    }
  }
  return runs;
}

absl::Status MakeExt4Plan(const FileTree& tree, Ext4Plan& plan) {
  AddToPlan("", tree.root(), EXT2_ROOT_INO, plan);
  const auto lost_found = tree.root().children.find(kLostFound);
  if (lost_found == tree.root().children.end()) {
    plan.add_lost_found = true;
    plan.lost_found.type = FileType::kDirectory;
    plan.lost_found.metadata.permissions = 0700;
    plan.lost_found.metadata.mtime = tree.root().metadata.mtime;
    AddToPlan("/lost+found", plan.lost_found, EXT2_ROOT_INO, plan);
    ++plan.files[0].links;
    ++plan.blocks;  // the root may need another
  }
  PlanDirectory(0, plan);
  if (plan.has_large_xattrs) {
    plan.blocks += plan.xattr_blocks;
  } else {
    plan.xattrs = 0;
  }
  for (Ext4Plan::File& file : plan.files) {
    if (file.links <= kMaxLinks) continue;
    if (file.inode->type != FileType::kDirectory) {
      return absl::ResourceExhaustedError(
          absl::StrCat("ext4: '", absl::CHexEscape(file.path), "' has ", file.links,
                       " hard links, more than the limit of ", kMaxLinks));
    }
    file.links = 1;  // "many", feature dir_nlink
  }
  return absl::OkStatus();
}

}  // namespace voidbox

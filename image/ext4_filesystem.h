#ifndef VOIDBOX_IMAGE_EXT4_FILESYSTEM_H_
#define VOIDBOX_IMAGE_EXT4_FILESYSTEM_H_

#include <ext2fs/ext2fs.h>
// A macro of version 1.47.2, in the way of std::clamp.
#undef clamp

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/unique_fd.h"

namespace voidbox {

// An empty ext4 file system in a regular file, and the ways to put files into it: libext2fs with
// everything fixed that it would take from the clock, from chance or from the machine. Blocks are
// given out in ascending order. One thread at a time.
class Ext4Filesystem {
 public:
  struct Geometry {
    uint64_t blocks = 0;  // of kExt4BlockBytes
    uint32_t inodes = 0;
    std::array<uint8_t, 16> uuid = {};
    std::string label;  // at most 16 bytes
    int64_t time = 0;   // of its making, seconds since 1970
    // Extended attributes may lie in inodes of their own: feature ea_inode.
    bool has_large_xattrs = false;
  };
  struct Extent {
    uint64_t logical = 0;   // block of the file
    uint64_t physical = 0;  // block of the file system
    uint64_t count = 0;     // blocks
  };

  // Replaces the file at `path`. The file system has a journal, checksums of its metadata, and
  // inode tables that need no initialisation by the kernel: they are holes, which read as zeroes.
  // The last group may come out shorter than asked for; free_blocks() tells.
  static absl::StatusOr<Ext4Filesystem> Create(const std::string& path, const Geometry& geometry);

  uint64_t free_blocks() const;
  uint64_t blocks() const;
  uint32_t used_inodes() const;

  // Takes an inode number that is free.
  void TakeInode(uint32_t number, bool is_directory);
  // Gives `count` blocks to an inode, from block `logical` of the file on, which is behind all that
  // it has, and returns where they lie. RESOURCE_EXHAUSTED when there are not enough.
  absl::StatusOr<std::vector<Extent>> Allocate(uint32_t number, ext2_inode_large& inode,
                                               uint64_t logical, uint64_t count);
  // Prepares an inode for extents; Allocate does so too.
  absl::Status InitExtents(uint32_t number, ext2_inode_large& inode);
  absl::Status WriteInode(uint32_t number, const ext2_inode_large& inode);
  // After the inode was written, and every other inode number that is to be taken was.
  absl::Status WriteXattrs(uint32_t number, const std::map<std::string, std::string>& xattrs);
  // Fills in the block's checksum.
  absl::Status WriteDirectoryBlock(uint32_t number, uint64_t physical, std::string block);
  // Data of files, block after block; blocks of zeroes stay holes of the image.
  absl::Status WriteData(uint64_t physical, absl::string_view data);

  // Writes what is not written yet. Nothing can be done afterwards.
  absl::Status Close();

 private:
  struct Free {
    void operator()(struct_ext2_filsys* fs) const { ext2fs_free(fs); }
  };
  explicit Ext4Filesystem(UniqueFd fd) : fd_(std::move(fd)) {}
  absl::Status Initialize(const std::string& path, const Geometry& geometry);
  absl::Status AddInternalInodes();
  absl::Status ChargeXattrInodes(uint32_t number, uint64_t taken_blocks);
  // Up to `count` blocks in a row, at least one.
  absl::StatusOr<Extent> TakeBlocks(uint64_t count);

  UniqueFd fd_;  // of the image, for data
  std::unique_ptr<struct_ext2_filsys, Free> fs_;
  uint64_t goal_ = 0;  // block from which to look for free ones
};

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_EXT4_FILESYSTEM_H_

#ifndef VOIDBOX_IMAGE_EXT4_WRITER_H_
#define VOIDBOX_IMAGE_EXT4_WRITER_H_

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "image/file_tree.h"

namespace voidbox {

struct Ext4Options {
  // Left free beside what the tree takes, at least.
  uint64_t free_bytes = uint64_t{64} << 20;
  // The time of the file system itself (of 1 for 0, which libext2fs does not know), in seconds
  // since 1970. Files keep theirs: FileTree::NormalizeTimes makes none newer.
  int64_t source_date_epoch = 0;
  std::string label;  // at most 16 bytes
  // Derived from the tree's digest when it is not given.
  std::optional<std::array<uint8_t, 16>> uuid;
  // Called with the bytes of file contents written so far, and how many there are; may be null.
  std::function<void(uint64_t done, uint64_t total)> progress;
};

struct Ext4Summary {
  uint64_t bytes = 0;       // of the image, holes included
  uint64_t free_bytes = 0;  // of the file system
  uint32_t inodes = 0;      // in use, the file system's own ten and those of attributes included
  std::array<uint8_t, 16> uuid = {};
};

// Writes a tree as an ext4 file system into a regular file, without mounting anything. The same
// tree and options give the same bytes (of one version of libext2fs), wherever, whenever and by
// whomever it is done. The file is sparse, and replaces what was at `path` when it is whole.
//
// The file system has 4 KiB blocks, extents, a journal, checksums, 64-bit block numbers, and room
// for growing online. It has a directory /lost+found, which e2fsck wants, unless the tree has one.
// Access, change and creation times are the modification time; one that ext4 cannot tell (before
// 1901, after 2446) becomes the next one that it can. Extended attributes that do not fit into a
// block lie in inodes of their own (feature ea_inode, which only such a file system has).
//
// INVALID_ARGUMENT for a label that is too long; RESOURCE_EXHAUSTED for more extended attributes of
// a file than ext4 has room to name, or more than 65000 hard links of a file, with the path.
absl::StatusOr<Ext4Summary> WriteExt4(const FileTree& tree, const std::string& path,
                                      const Ext4Options& options);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_EXT4_WRITER_H_

#ifndef VOIDBOX_IMAGE_EXT4_DIRECTORY_H_
#define VOIDBOX_IMAGE_EXT4_DIRECTORY_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "image/file_tree.h"

namespace voidbox {

inline constexpr size_t kExt4BlockBytes = 4096;

// Of a directory on ext4: Linux Documentation/filesystems/ext4/directory.rst.
struct Ext4DirectoryEntry {
  uint32_t inode = 0;  // its number
  absl::string_view name;
  FileType type = FileType::kRegular;
};

// The blocks of a linear directory, "." and ".." included, each with room for the checksum at its
// end, which is left to whoever writes it. A lookup in a directory without an index reads half of
// its blocks; the kernel makes an index when a directory of one block grows.
std::string PackExt4Directory(uint32_t self, uint32_t parent,
                              const std::vector<Ext4DirectoryEntry>& entries);

// How many blocks PackExt4Directory makes of a directory.
size_t CountExt4DirectoryBlocks(const Inode& directory);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_EXT4_DIRECTORY_H_

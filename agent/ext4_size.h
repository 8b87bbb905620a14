#ifndef VOIDBOX_AGENT_EXT4_SIZE_H_
#define VOIDBOX_AGENT_EXT4_SIZE_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/statusor.h"

namespace voidbox {

// Where it is in an ext2, ext3 or ext4 file system, in bytes; Linux
// Documentation/filesystems/ext4/super.rst.
inline constexpr uint64_t kSuperblockOffset = 1024;
inline constexpr size_t kSuperblockBytes = 1024;

struct Ext4Size {
  uint64_t blocks = 0;
  uint64_t block_bytes = 0;  // 1 KiB to 64 KiB, a power of two
  uint64_t blocks_per_group = 0;
};

// INVALID_ARGUMENT when it is none.
absl::StatusOr<Ext4Size> ParseExt4Size(std::span<const char, kSuperblockBytes> bytes);

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_EXT4_SIZE_H_

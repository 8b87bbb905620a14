#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "image/ext4_superblock.h"

// What is accepted fits into the file and has no impossible numbers. The input is the superblock;
// the file is taken to have 1 GiB.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr uint64_t kFileBytes = uint64_t{1} << 30;
  const std::string head =
      std::string(voidbox::kExt4SuperblockOffset, '\0') + std::string(data, data + size);
  const auto super = voidbox::ParseExt4Superblock(head, kFileBytes);
  if (!super.ok()) return 0;
  voidbox::Check(super->blocks <= kFileBytes / super->block_bytes, "the blocks fit");
  voidbox::Check(super->blocks > 0 && super->inodes > 0, "there is something");
  voidbox::Check(super->free_blocks <= super->blocks, "free blocks are blocks");
  return 0;
}

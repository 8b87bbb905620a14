#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "agent/ext4_size.h"
#include "base/check.h"

// A superblock, zero-filled.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::array<char, voidbox::kSuperblockBytes> bytes = {};
  std::copy_n(data, std::min(size, bytes.size()), bytes.begin());
  const auto parsed = voidbox::ParseExt4Size(bytes);
  if (parsed.ok()) {
    voidbox::Check(std::has_single_bit(parsed->block_bytes) && parsed->block_bytes >= 1024 &&
                       parsed->block_bytes <= 65536,
                   "block sizes are powers of two in bounds");
  }
  return 0;
}

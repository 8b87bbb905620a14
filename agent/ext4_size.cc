#include "agent/ext4_size.h"

#include <bit>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace voidbox {
namespace {

static_assert(std::endian::native == std::endian::little, "the superblock is little-endian");

constexpr uint16_t kMagic = 0xef53;
constexpr uint32_t EXT4_FEATURE_INCOMPAT_64BIT = 0x80;
constexpr uint32_t kMaxLogBlockSize = 6;  // of 1 KiB

template <typename T>
T Field(std::span<const char, kSuperblockBytes> bytes, size_t offset) {
  T value;
  std::memcpy(&value, &bytes[offset], sizeof(value));
  return value;
}

}  // namespace

absl::StatusOr<Ext4Size> ParseExt4Size(std::span<const char, kSuperblockBytes> bytes) {
  const auto magic = Field<uint16_t>(bytes, 0x38);
  const auto log_block_size = Field<uint32_t>(bytes, 0x18);
  if (magic != kMagic || log_block_size > kMaxLogBlockSize) {
    return absl::InvalidArgumentError(
        absl::StrCat("no ext4 superblock: magic number 0x", absl::Hex(magic), ", expected 0x",
                     absl::Hex(kMagic), "; block size 2^", log_block_size, " KiB"));
  }
  Ext4Size size = {.blocks = Field<uint32_t>(bytes, 0x4),
                   .block_bytes = uint64_t{1024} << log_block_size,
                   .blocks_per_group = Field<uint32_t>(bytes, 0x20)};
  if ((Field<uint32_t>(bytes, 0x60) & EXT4_FEATURE_INCOMPAT_64BIT) != 0) {
    size.blocks |= uint64_t{Field<uint32_t>(bytes, 0x150)} << 32;
  }
  return size;
}

}  // namespace voidbox

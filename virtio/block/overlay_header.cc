#include "virtio/block/overlay_header.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "virtio/block/block_bitmap.h"
#include "virtio/block/block_spec.h"

namespace voidbox {
namespace {

static_assert(std::endian::native == std::endian::little, "the file is little-endian");

constexpr std::array<char, 8> kMagic = {'v', 'o', 'i', 'd', 'C', 'O', 'W', '\n'};
constexpr uint32_t kVersion = 1;

struct WireHeader {
  std::array<char, 8> magic;
  uint32_t version;
  uint32_t block_bytes;
  uint64_t disk_bytes;
  uint64_t base_bytes;
  int64_t base_modified_ns;
};
static_assert(sizeof(WireHeader) == 40);

uint64_t RoundUp(uint64_t value, uint64_t unit) { return (value + unit - 1) / unit * unit; }

}  // namespace

OverlayLayout::OverlayLayout(uint64_t disk_bytes)
    : blocks((disk_bytes + kOverlayBlockBytes - 1) / kOverlayBlockBytes),
      bitmap_offset(kOverlayHeaderBytes),
      data_offset(bitmap_offset + RoundUp((blocks + 7) / 8, BlockBitmap::kPageBytes)),
      file_bytes(data_offset + blocks * kOverlayBlockBytes) {}

absl::Status ValidateOverlayHeader(const OverlayHeader& header) {
  if (header.base.bytes == 0 || header.base.bytes % kSectorBytes != 0) {
    return absl::InvalidArgumentError(absl::StrCat("the base's size of ", header.base.bytes,
                                                   " bytes is not a multiple of ", kSectorBytes));
  }
  if (header.disk_bytes % kSectorBytes != 0 || header.disk_bytes > kMaxOverlayDiskBytes) {
    return absl::InvalidArgumentError(absl::StrCat("the size of ", header.disk_bytes,
                                                   " bytes is not a multiple of ", kSectorBytes,
                                                   " of at most ", kMaxOverlayDiskBytes));
  }
  if (header.disk_bytes < header.base.bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the size of ", header.disk_bytes,
                     " bytes is smaller than that of the base, which has ", header.base.bytes));
  }
  return absl::OkStatus();
}

std::array<char, kOverlayHeaderBytes> FormatOverlayHeader(const OverlayHeader& header) {
  const WireHeader wire = {.magic = kMagic,
                           .version = kVersion,
                           .block_bytes = kOverlayBlockBytes,
                           .disk_bytes = header.disk_bytes,
                           .base_bytes = header.base.bytes,
                           .base_modified_ns = header.base.modified_ns};
  std::array<char, kOverlayHeaderBytes> bytes = {};
  std::memcpy(bytes.data(), &wire, sizeof(wire));
  return bytes;
}

absl::StatusOr<OverlayHeader> ParseOverlayHeader(std::span<const char, kOverlayHeaderBytes> bytes,
                                                 uint64_t file_bytes) {
  WireHeader wire;
  std::memcpy(&wire, bytes.data(), sizeof(wire));
  if (wire.magic != kMagic) {
    return absl::InvalidArgumentError("it is not an overlay of voidbox; name another file");
  }
  const bool rest_is_zero = std::all_of(bytes.begin() + sizeof(wire), bytes.end(),
                                        [](char byte) { return byte == '\0'; });
  if (wire.version != kVersion || wire.block_bytes != kOverlayBlockBytes || !rest_is_zero) {
    return absl::InvalidArgumentError(absl::StrCat(
        "its format is version ", wire.version, " with blocks of ", wire.block_bytes,
        " bytes; this voidbox knows version ", kVersion, " with ", kOverlayBlockBytes));
  }
  const OverlayHeader header = {
      .disk_bytes = wire.disk_bytes,
      .base = {.bytes = wire.base_bytes, .modified_ns = wire.base_modified_ns}};
  RETURN_IF_ERROR(ValidateOverlayHeader(header));
  const OverlayLayout layout(header.disk_bytes);
  // One that was killed while it was made ends with its header.
  if (file_bytes != layout.file_bytes && file_bytes != kOverlayHeaderBytes) {
    return absl::DataLossError(absl::StrCat("it has ", file_bytes, " bytes instead of the ",
                                            layout.file_bytes, " for a disk of ",
                                            header.disk_bytes));
  }
  return header;
}

}  // namespace voidbox

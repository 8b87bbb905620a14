#ifndef VOIDBOX_VIRTIO_BLOCK_OVERLAY_HEADER_H_
#define VOIDBOX_VIRTIO_BLOCK_OVERLAY_HEADER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace voidbox {

// The first page of an overlay file; docs/overlay.md describes the whole.

inline constexpr uint64_t kOverlayHeaderBytes = 4096;
// The unit that an overlay has or has not: what file systems and page caches write, so that there
// is hardly ever a rest of a block to be copied from the base. At one bit each, the bitmap is
// 1/32768 of the disk.
inline constexpr uint64_t kOverlayBlockBytes = 4096;
// Half of what ext4 allows a file, with 256 MiB of bitmap.
inline constexpr uint64_t kMaxOverlayDiskBytes = uint64_t{8} << 40;

// Which base an overlay was made over, without reading it all.
struct BaseIdentity {
  uint64_t bytes = 0;
  int64_t modified_ns = 0;  // since the epoch
  bool operator==(const BaseIdentity&) const = default;
};

struct OverlayHeader {
  uint64_t disk_bytes = 0;  // as the guest sees it
  BaseIdentity base;
};

// Where things are in an overlay over a disk of `disk_bytes`.
struct OverlayLayout {
  explicit OverlayLayout(uint64_t disk_bytes);

  uint64_t blocks;
  uint64_t bitmap_offset;
  uint64_t data_offset;  // of block 0; the others follow in order
  uint64_t file_bytes;
};

// INVALID_ARGUMENT for a disk that cannot be put over such a base.
absl::Status ValidateOverlayHeader(const OverlayHeader& header);

std::array<char, kOverlayHeaderBytes> FormatOverlayHeader(const OverlayHeader& header);
// Of a file that is `file_bytes` long. INVALID_ARGUMENT when it is no overlay or one of another
// version; DATA_LOSS when what follows the header is not all there.
absl::StatusOr<OverlayHeader> ParseOverlayHeader(std::span<const char, kOverlayHeaderBytes> bytes,
                                                 uint64_t file_bytes);

}  // namespace voidbox

#endif  // VOIDBOX_VIRTIO_BLOCK_OVERLAY_HEADER_H_

#ifndef VOIDBOX_IMAGE_DECOMPRESS_H_
#define VOIDBOX_IMAGE_DECOMPRESS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "image/compress.h"

namespace voidbox {

struct Decompressed {
  std::string bytes;
  size_t used = 0;  // of the packed ones; others stand behind them
};

// Unpacks what stands first in `packed`, as Linux does it of an initramfs (lib/decompress_*.c): one
// member of gzip, one frame of zstd, or a legacy frame of lz4, which ends with the input or a block
// of no bytes. DATA_LOSS for one that is damaged or cut short, RESOURCE_EXHAUSTED for more than
// `max_bytes`; windows of zstd are bounded as the kernel's are.
absl::StatusOr<Decompressed> DecompressFirst(std::span<const std::byte> packed,
                                             Compression compression, uint64_t max_bytes);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_DECOMPRESS_H_

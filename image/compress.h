#ifndef VOIDBOX_IMAGE_COMPRESS_H_
#define VOIDBOX_IMAGE_COMPRESS_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace voidbox {

// In what the kernel unpacks an initramfs from.
enum class Compression {
  kNone,
  kGzip,
  kLz4,  // in the format of `lz4 -l`, the only one that the kernel knows
  kZstd,
};

// ".gz", ".lz4" and ".zst" at the end of a file's name; none for others.
Compression CompressionOfName(absl::string_view name);

// The smallest that each makes of it, with nothing in it that changes from one time to the next.
absl::StatusOr<std::string> Compress(absl::string_view data, Compression compression);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_COMPRESS_H_

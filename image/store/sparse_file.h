#ifndef VOIDBOX_IMAGE_STORE_SPARSE_FILE_H_
#define VOIDBOX_IMAGE_STORE_SPARSE_FILE_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "image/store/digest.h"
#include "image/store/progress.h"

namespace voidbox {

// Files with holes. Sizes are in bytes; both descriptors are regular files.

// Copies `bytes` bytes of `source` to `target`, which is empty, and returns the digest of what was
// written. Holes stay holes; where the file system can, extents are shared instead of copied
// (copy_file_range(2)). DATA_LOSS when the source is shorter.
absl::StatusOr<Digest> CopySparsely(int source, int target, uint64_t bytes, Progress& progress);

// Digest of the first `bytes` bytes. DATA_LOSS when the file is shorter.
absl::StatusOr<Digest> DigestOfFile(int fd, uint64_t bytes, Progress& progress);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_STORE_SPARSE_FILE_H_

#ifndef VOIDBOX_BASE_READ_AT_H_
#define VOIDBOX_BASE_READ_AT_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"

namespace voidbox {

// Reads `size` bytes of a file from `offset` on, or what there is before its end; returns how many
// came. Goes on after signals and short reads; the file's own position is neither used nor moved.
absl::StatusOr<size_t> ReadUpToAt(int fd, uint64_t offset, char* data, size_t size);

}  // namespace voidbox

#endif  // VOIDBOX_BASE_READ_AT_H_

#ifndef VOIDBOX_IMAGE_BYTE_SOURCE_H_
#define VOIDBOX_IMAGE_BYTE_SOURCE_H_

#include <cstddef>
#include <functional>

#include "absl/status/statusor.h"
#include "image/content_spool.h"

namespace voidbox {

// Gives the next bytes of a stream: writes up to `size` of them to `data` and returns how many, 0
// only at the stream's end.
using ByteSource = std::function<absl::StatusOr<size_t>(char* data, size_t size)>;

// From a descriptor's position on. The descriptor outlives the source.
ByteSource DescriptorSource(int fd);
// A file of a spool, which outlives the source.
ByteSource SpoolSource(const ContentSpool& spool, FileContents contents);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_BYTE_SOURCE_H_

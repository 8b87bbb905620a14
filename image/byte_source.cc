#include "image/byte_source.h"

#include <cstdint>
#include <utility>

#include "base/io.h"
#include "base/status_macros.h"

namespace voidbox {

ByteSource DescriptorSource(int fd) {
  return [fd](char* data, size_t size) { return ReadUpTo(fd, data, size); };
}

ByteSource SpoolSource(const ContentSpool& spool, FileContents contents) {
  return [&spool, contents = std::move(contents), offset = uint64_t{0}](
             char* data, size_t size) mutable -> absl::StatusOr<size_t> {
    ASSIGN_OR_RETURN(const size_t got, spool.Read(contents, offset, data, size));
    offset += got;
    return got;
  };
}

}  // namespace voidbox

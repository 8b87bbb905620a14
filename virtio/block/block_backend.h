#ifndef VOIDBOX_VIRTIO_BLOCK_BLOCK_BACKEND_H_
#define VOIDBOX_VIRTIO_BLOCK_BLOCK_BACKEND_H_

#include <sys/uio.h>

#include <cstdint>
#include <span>

#include "absl/status/status.h"

namespace voidbox {

// What a virtual disk's bytes are kept in. Offsets and lengths are bytes, multiples of 512, and the
// caller has checked that they lie inside the disk. All methods may be called by several threads at
// once; but for ReadCached and WriteCached they may block.
class BlockBackend {
 public:
  virtual ~BlockBackend() = default;
  virtual uint64_t bytes() const = 0;
  virtual bool read_only() const = 0;

  // All of the buffers, in their order, from or to `offset`. The elements of `buffers` may be
  // changed.
  virtual absl::Status Read(uint64_t offset, std::span<iovec> buffers) = 0;
  virtual absl::Status Write(uint64_t offset, std::span<iovec> buffers) = 0;
  // Reads if that needs no waiting; false, with the buffers' contents undefined, when it does.
  virtual bool ReadCached(uint64_t offset, std::span<const iovec> buffers) = 0;
  // Writes to the host's memory if that needs no waiting. False when it does or fails; then the
  // range's contents are undefined until Write, which tells why.
  virtual bool WriteCached(uint64_t offset, std::span<const iovec> buffers) = 0;
  // Makes completed writes durable.
  virtual absl::Status Flush() = 0;
  // The range is not needed any more; what it reads as is undefined.
  virtual absl::Status Discard(uint64_t offset, uint64_t length) = 0;
  // The range reads as zeroes; its space may be given back when `may_unmap`.
  virtual absl::Status WriteZeroes(uint64_t offset, uint64_t length, bool may_unmap) = 0;
};

}  // namespace voidbox

#endif  // VOIDBOX_VIRTIO_BLOCK_BLOCK_BACKEND_H_

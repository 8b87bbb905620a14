#ifndef VOIDBOX_VIRTIO_BLOCK_BUFFER_SLICER_H_
#define VOIDBOX_VIRTIO_BLOCK_BUFFER_SLICER_H_

#include <sys/uio.h>

#include <algorithm>
#include <cstdint>
#include <span>

#include "absl/container/inlined_vector.h"

namespace voidbox {

// Hands out buffers from the front on, in pieces of given sizes.
class BufferSlicer {
 public:
  using Buffers = absl::InlinedVector<iovec, 16>;

  // `buffers` outlive it and are not changed.
  explicit BufferSlicer(std::span<const iovec> buffers) : left_(buffers) {}

  // The next `count` bytes of what is left, which has that many; valid until the next call.
  std::span<iovec> Take(uint64_t count) {
    taken_.clear();
    while (count > 0) {
      const iovec& front = left_.front();
      const uint64_t part = std::min<uint64_t>(count, front.iov_len - used_);
      taken_.push_back({static_cast<char*>(front.iov_base) + used_, part});
      count -= part;
      used_ += part;
      if (used_ == front.iov_len) {
        left_ = left_.subspan(1);
        used_ = 0;
      }
    }
    return {taken_.data(), taken_.size()};
  }

 private:
  std::span<const iovec> left_;
  uint64_t used_ = 0;  // bytes of the first that is left
  Buffers taken_;
};

}  // namespace voidbox

#endif  // VOIDBOX_VIRTIO_BLOCK_BUFFER_SLICER_H_

#ifndef VOIDBOX_VIRTIO_VSOCK_RING_BUFFER_H_
#define VOIDBOX_VIRTIO_VSOCK_RING_BUFFER_H_

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <memory>
#include <span>

namespace voidbox {

// A queue of bytes that has memory only while it is not empty. The caller bounds its size.
class RingBuffer {
 public:
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // Makes the queue `count` bytes longer; the caller fills the two pieces (the second may be
  // empty).
  std::array<std::span<std::byte>, 2> Extend(size_t count);
  // All bytes, oldest first.
  std::array<iovec, 2> Front() const;
  // Passes over the oldest `count` bytes (at most size()).
  void Consume(size_t count);
  void Clear() { *this = RingBuffer(); }

 private:
  void Grow(size_t capacity);

  std::unique_ptr<std::byte[]> bytes_;
  size_t capacity_ = 0;  // a power of two, or 0
  size_t begin_ = 0;
  size_t size_ = 0;
};

}  // namespace voidbox

#endif  // VOIDBOX_VIRTIO_VSOCK_RING_BUFFER_H_

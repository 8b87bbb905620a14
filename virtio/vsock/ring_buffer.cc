#include "virtio/vsock/ring_buffer.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace voidbox {
namespace {

constexpr size_t kSmallest = 4096;  // bytes; less than a page saves nothing

}  // namespace

void RingBuffer::Grow(size_t capacity) {
  auto bytes = std::make_unique_for_overwrite<std::byte[]>(capacity);
  size_t copied = 0;
  for (const iovec& piece : Front()) {
    if (piece.iov_len > 0) std::memcpy(bytes.get() + copied, piece.iov_base, piece.iov_len);
    copied += piece.iov_len;
  }
  bytes_ = std::move(bytes);
  capacity_ = capacity;
  begin_ = 0;
}

std::array<std::span<std::byte>, 2> RingBuffer::Extend(size_t count) {
  if (count > capacity_ - size_) Grow(std::max(kSmallest, std::bit_ceil(size_ + count)));
  const size_t end = (begin_ + size_) & (capacity_ - 1);
  const size_t first = std::min(count, capacity_ - end);
  size_ += count;
  return {std::span(bytes_.get() + end, first), std::span(bytes_.get(), count - first)};
}

std::array<iovec, 2> RingBuffer::Front() const {
  const size_t first = std::min(size_, capacity_ - begin_);
  return {iovec{bytes_.get() + begin_, first}, iovec{bytes_.get(), size_ - first}};
}

void RingBuffer::Consume(size_t count) {
  size_ -= count;
  if (size_ == 0) return Clear();
  begin_ = (begin_ + count) & (capacity_ - 1);
}

}  // namespace voidbox

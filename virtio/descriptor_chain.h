#ifndef VOIDBOX_VIRTIO_DESCRIPTOR_CHAIN_H_
#define VOIDBOX_VIRTIO_DESCRIPTOR_CHAIN_H_

#include <sys/uio.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace voidbox {

// A cursor over the guest buffers of one direction of a descriptor chain, already bounds-checked.
// The bytes are the guest's and may change while they are looked at: copy out, validate the copy.
class ChainCursor {
 public:
  using Buffers = absl::InlinedVector<iovec, 4>;

  ChainCursor() = default;
  explicit ChainCursor(Buffers buffers);
  ChainCursor(ChainCursor&& other) noexcept = default;
  ChainCursor& operator=(ChainCursor&& other) noexcept = default;

  // Bytes not passed yet.
  size_t remaining() const { return remaining_; }
  // Bytes passed so far.
  size_t consumed() const { return consumed_; }
  // The buffers of the next `length` bytes (at most remaining()), for readv, writev and their kind;
  // does not pass them.
  Buffers Peek(size_t length) const;
  // Passes over `length` bytes; OUT_OF_RANGE when fewer remain.
  absl::Status Skip(size_t length);
  // Calls visit(iovec) for each buffer of the next `length` bytes (at most remaining()); does not
  // pass them.
  template <typename Visitor>
  void VisitNext(size_t length, Visitor visit) const;

  // Makes the cursor one over no buffers, and adds one at the end. For what builds chains.
  void Clear() {
    buffers_.clear();
    index_ = offset_ = remaining_ = consumed_ = 0;
  }
  void Append(std::span<std::byte> buffer);

 protected:
  absl::Status CheckRemaining(size_t length) const {
    return length <= remaining_ ? absl::OkStatus() : TooFewError(length);
  }
  // Passes over `length` bytes, which are there, and calls visit(data, bytes) for each piece.
  template <typename Visitor>
  void Advance(size_t length, Visitor visit);

 private:
  absl::Status TooFewError(size_t length) const;

  Buffers buffers_;    // none is empty
  size_t index_ = 0;   // of the buffer at the cursor
  size_t offset_ = 0;  // in that buffer
  size_t remaining_ = 0;
  size_t consumed_ = 0;
};

template <typename Visitor>
void ChainCursor::VisitNext(size_t length, Visitor visit) const {
  length = std::min(length, remaining_);
  size_t offset = offset_;
  for (size_t i = index_; length > 0; ++i, offset = 0) {
    const size_t part = std::min(length, buffers_[i].iov_len - offset);
    visit(iovec{static_cast<std::byte*>(buffers_[i].iov_base) + offset, part});
    length -= part;
  }
}

// For each buffer of each packet: here, so that it is compiled into what calls it.
inline void ChainCursor::Append(std::span<std::byte> buffer) {
  if (buffer.empty()) return;
  remaining_ += buffer.size();
  if (!buffers_.empty()) {
    iovec& last = buffers_.back();
    if (static_cast<std::byte*>(last.iov_base) + last.iov_len == buffer.data()) {
      last.iov_len += buffer.size();
      return;
    }
  }
  buffers_.push_back({buffer.data(), buffer.size()});
}

template <typename Visitor>
void ChainCursor::Advance(size_t length, Visitor visit) {
  remaining_ -= length;
  consumed_ += length;
  while (length > 0) {
    const iovec& buffer = buffers_[index_];
    const size_t part = std::min(length, buffer.iov_len - offset_);
    visit(static_cast<std::byte*>(buffer.iov_base) + offset_, part);
    length -= part;
    offset_ += part;
    if (offset_ == buffer.iov_len) {
      ++index_;
      offset_ = 0;
    }
  }
}

// The device-readable part (what the driver wrote).
class ChainReader : public ChainCursor {
 public:
  using ChainCursor::ChainCursor;
  // All of `out`, or OUT_OF_RANGE and nothing passed.
  absl::Status Read(std::span<std::byte> out);
  template <typename T>
  absl::StatusOr<T> ReadObject() {
    static_assert(std::is_trivially_copyable_v<T>);
    T object;
    absl::Status status = Read(std::as_writable_bytes(std::span(&object, 1)));
    if (!status.ok()) return status;
    return object;
  }
};

// The device-writable part.
class ChainWriter : public ChainCursor {
 public:
  using ChainCursor::ChainCursor;
  // All of `in`, or OUT_OF_RANGE and nothing passed.
  absl::Status Write(std::span<const std::byte> in);
  template <typename T>
  absl::Status WriteObject(const T& object) {
    static_assert(std::is_trivially_copyable_v<T>);
    return Write(std::as_bytes(std::span(&object, 1)));
  }
};

inline absl::Status ChainReader::Read(std::span<std::byte> out) {
  absl::Status status = CheckRemaining(out.size());
  if (!status.ok()) return status;
  std::byte* to = out.data();
  Advance(out.size(), [&to](const std::byte* guest, size_t part) {
    std::memcpy(to, guest, part);
    to += part;
  });
  return status;
}

inline absl::Status ChainWriter::Write(std::span<const std::byte> in) {
  absl::Status status = CheckRemaining(in.size());
  if (!status.ok()) return status;
  const std::byte* from = in.data();
  Advance(in.size(), [&from](std::byte* guest, size_t part) {
    std::memcpy(guest, from, part);
    from += part;
  });
  return status;
}

// One request of the driver: a chain of buffers, readable ones before writable ones (virtio 1.2
// §2.7.4.2). Move-only. It must be given back to the queue it came from: completed with
// Queue::Complete, or undone with Queue::Return.
class DescriptorChain {
 public:
  // An empty one, for Queue::Pop to fill.
  DescriptorChain() = default;
  DescriptorChain(uint16_t head, ChainCursor::Buffers readable, ChainCursor::Buffers writable)
      : head_(head), reader_(std::move(readable)), writer_(std::move(writable)) {}
  DescriptorChain(DescriptorChain&&) = default;
  DescriptorChain& operator=(DescriptorChain&&) = default;

  // Makes it a chain without buffers.
  void Reset(uint16_t head) {
    head_ = head;
    reader_.Clear();
    writer_.Clear();
  }

  uint16_t head() const { return head_; }  // index of its first descriptor
  ChainReader& reader() { return reader_; }
  ChainWriter& writer() { return writer_; }

 private:
  uint16_t head_ = 0;
  ChainReader reader_;
  ChainWriter writer_;
};

}  // namespace voidbox

#endif  // VOIDBOX_VIRTIO_DESCRIPTOR_CHAIN_H_

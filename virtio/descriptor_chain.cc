#include "virtio/descriptor_chain.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace voidbox {

ChainCursor::ChainCursor(Buffers buffers) : buffers_(std::move(buffers)) {
  for (const iovec& buffer : buffers_) remaining_ += buffer.iov_len;
}

ChainCursor::Buffers ChainCursor::Peek(size_t length) const {
  Buffers next;
  size_t offset = offset_;
  length = std::min(length, remaining_);
  for (size_t i = index_; length > 0; ++i, offset = 0) {
    const size_t part = std::min(length, buffers_[i].iov_len - offset);
    if (part > 0) next.push_back({static_cast<std::byte*>(buffers_[i].iov_base) + offset, part});
    length -= part;
  }
  return next;
}

absl::Status ChainCursor::CheckRemaining(size_t length) const {
  if (length <= remaining_) return absl::OkStatus();
  return absl::OutOfRangeError(
      absl::StrCat("descriptor chain: ", length, " bytes wanted, ", remaining_, " left"));
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

absl::Status ChainCursor::Skip(size_t length) {
  absl::Status status = CheckRemaining(length);
  if (status.ok()) Advance(length, [](std::byte*, size_t) {});
  return status;
}

absl::Status ChainReader::Read(std::span<std::byte> out) {
  absl::Status status = CheckRemaining(out.size());
  if (!status.ok()) return status;
  std::byte* to = out.data();
  Advance(out.size(), [&to](const std::byte* guest, size_t part) {
    std::memcpy(to, guest, part);
    to += part;
  });
  return status;
}

absl::Status ChainWriter::Write(std::span<const std::byte> in) {
  absl::Status status = CheckRemaining(in.size());
  if (!status.ok()) return status;
  const std::byte* from = in.data();
  Advance(in.size(), [&from](std::byte* guest, size_t part) {
    std::memcpy(guest, from, part);
    from += part;
  });
  return status;
}

}  // namespace voidbox

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
  VisitNext(length, [&next](const iovec& buffer) { next.push_back(buffer); });
  return next;
}

void ChainCursor::Clear() {
  buffers_.clear();
  index_ = offset_ = remaining_ = consumed_ = 0;
}

void ChainCursor::Append(std::span<std::byte> buffer) {
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

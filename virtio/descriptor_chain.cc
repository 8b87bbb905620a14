#include "virtio/descriptor_chain.h"

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

absl::Status ChainCursor::TooFewError(size_t length) const {
  return absl::OutOfRangeError(
      absl::StrCat("descriptor chain: ", length, " bytes wanted, ", remaining_, " left"));
}

absl::Status ChainCursor::Skip(size_t length) {
  absl::Status status = CheckRemaining(length);
  if (status.ok()) Advance(length, [](std::byte*, size_t) {});
  return status;
}

}  // namespace voidbox

#include "agent/byte_queue.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace voidbox {

char* ByteQueue::Reserve(size_t size) {
  if (capacity_ - end_ >= size) return block_.get() + end_;
  const size_t used = this->size();
  if (capacity_ - used >= size && begin_ >= used) {
    std::memcpy(block_.get(), block_.get() + begin_, used);
  } else {
    capacity_ = std::max({capacity_ * 2, used + size, size_t{512}});
    std::unique_ptr<char[]> block(new char[capacity_]);
    if (used != 0) std::memcpy(block.get(), block_.get() + begin_, used);
    block_ = std::move(block);
  }
  begin_ = 0;
  end_ = used;
  return block_.get() + end_;
}

void ByteQueue::Append(absl::string_view bytes) {
  if (bytes.empty()) return;
  std::memcpy(Reserve(bytes.size()), bytes.data(), bytes.size());
  Commit(bytes.size());
}

void ByteQueue::Consume(size_t size) {
  begin_ += size;
  if (begin_ == end_) Clear();
}

}  // namespace voidbox

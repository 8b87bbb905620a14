#ifndef VOIDBOX_AGENT_BYTE_QUEUE_H_
#define VOIDBOX_AGENT_BYTE_QUEUE_H_

#include <cstddef>
#include <memory>

#include "absl/strings/string_view.h"

namespace voidbox {

// Bytes in, bytes out, in one contiguous block; room is not cleared before it is filled. Its users
// bound it: it grows to what is put in. Not thread-safe.
class ByteQueue {
 public:
  bool empty() const { return begin_ == end_; }
  size_t size() const { return end_ - begin_; }
  // Valid until the next Reserve or Append.
  absl::string_view contents() const { return {block_.get() + begin_, size()}; }

  // Room for `size` bytes behind the contents, to be written and then announced by Commit.
  char* Reserve(size_t size);
  void Commit(size_t size) { end_ += size; }
  void Append(absl::string_view bytes);
  void Consume(size_t size);
  void Clear() { begin_ = end_ = 0; }

 private:
  std::unique_ptr<char[]> block_;
  size_t capacity_ = 0;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_BYTE_QUEUE_H_

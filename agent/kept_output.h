#ifndef VOIDBOX_AGENT_KEPT_OUTPUT_H_
#define VOIDBOX_AGENT_KEPT_OUTPUT_H_

#include <cstddef>
#include <cstdint>
#include <deque>

#include "absl/strings/string_view.h"
#include "agent/byte_queue.h"
#include "agent/connection.h"

namespace voidbox {

// The last output of a command, its two streams in the order in which it came. Not thread-safe.
class KeptOutput {
 public:
  // Of all that is kept; what is older is dropped, and counted.
  static constexpr size_t kMaxBytes = 256 << 10;

  void Append(Connection::Output output, absl::string_view bytes);
  // To a connection that is not backed up: it may be afterwards.
  void SendTo(Connection& connection) const;
  uint64_t lost_bytes() const { return lost_bytes_; }

 private:
  struct Piece {
    Connection::Output output;
    size_t size;
  };
  void DropFirst(size_t size);

  ByteQueue bytes_;
  std::deque<Piece> pieces_;  // of bytes_, neighbours of different streams
  uint64_t lost_bytes_ = 0;
};

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_KEPT_OUTPUT_H_

#ifndef VOIDBOX_BASE_FRAME_H_
#define VOIDBOX_BASE_FRAME_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace google::protobuf {
class MessageLite;
}

namespace voidbox {

// A frame is a u32 little-endian length followed by that many bytes of a serialised protobuf
// message.
inline constexpr size_t kFrameHeaderBytes = 4;
// Messages are small; bulk data is streamed in pieces of at most 64 KiB plus their envelope.
inline constexpr size_t kMaxFrameBytes = 1 << 20;

// Appends one frame to `out`. RESOURCE_EXHAUSTED when the message is longer than `max_bytes`.
absl::Status AppendFrame(const google::protobuf::MessageLite& message, std::string& out,
                         size_t max_bytes = kMaxFrameBytes);

// Takes frames out of a byte stream that arrives in pieces. Never buffers more than one frame of
// `max_bytes` beyond what the caller appends at once. Not thread-safe.
class FrameReader {
 public:
  explicit FrameReader(size_t max_bytes = kMaxFrameBytes) : max_bytes_(max_bytes) {}

  void Append(absl::string_view bytes);

  // For the frames after those that Next has returned, whose memory is given back: the payload that
  // it returned last is no longer valid.
  void SetMaxBytes(size_t max_bytes);

  // The payload of the next frame, valid until the next call of Append or Next; nullopt when it is
  // not complete yet. RESOURCE_EXHAUSTED when the header announces more than max_bytes: the stream
  // is then of no more use.
  absl::StatusOr<std::optional<absl::string_view>> Next();

  // Bytes of frames that Next has not returned.
  size_t buffered() const { return buffer_.size() - consumed_; }

  // True when the stream may end here without cutting a frame.
  bool AtBoundary() const { return consumed_ == buffer_.size(); }

 private:
  size_t max_bytes_;
  std::string buffer_;
  size_t consumed_ = 0;  // bytes of buffer_ already handed out
};

// Blocking, for a descriptor that one thread owns.
// ReadFrame: OUT_OF_RANGE at a clean end of the stream, DATA_LOSS when it ends inside a frame or
// does not parse.
absl::Status ReadFrame(int fd, google::protobuf::MessageLite& message,
                       size_t max_bytes = kMaxFrameBytes);
absl::Status WriteFrame(int fd, const google::protobuf::MessageLite& message,
                        size_t max_bytes = kMaxFrameBytes);

}  // namespace voidbox

#endif  // VOIDBOX_BASE_FRAME_H_

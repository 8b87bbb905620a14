#ifndef VOIDBOX_SANDBOX_EMULATED_HOST_MUX_FRAME_H_
#define VOIDBOX_SANDBOX_EMULATED_HOST_MUX_FRAME_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace voidbox {

// What the two ends of a Mux send each other. On the wire, little-endian: u32 stream, u8 type, u8
// zero, u16 payload length, payload.
struct MuxFrame {
  enum class Type : uint8_t {
    kOpen = 1,    // a new stream; up to kMaxMuxPurpose bytes: what it is for
    kData = 2,    // 1 to kMaxMuxPayload bytes of the stream
    kCredit = 3,  // u32: so many more bytes may be sent on the stream
    kFinish = 4,  // no payload: the sender sends no more on the stream
    kReset = 5,   // no payload: the sender sends no more, and takes no more
  };
  uint32_t stream = 0;
  Type type = Type::kOpen;
  absl::string_view payload;  // of kOpen and kData
  uint32_t credit = 0;        // of kCredit
};

inline constexpr size_t kMuxHeaderBytes = 8;
inline constexpr size_t kMaxMuxPayload = 16 << 10;
inline constexpr size_t kMaxMuxPurpose = 4 << 10;

void AppendMuxFrame(const MuxFrame& frame, std::string& out);

// Takes frames out of a byte stream. Buffers less than one frame beyond what is appended at once.
class MuxFrameReader {
 public:
  void Append(absl::string_view bytes);
  // The next frame, whose payload is valid until the next call; nullopt when it is not complete.
  // INVALID_ARGUMENT when the bytes are not frames: the stream is of no more use.
  absl::StatusOr<std::optional<MuxFrame>> Next();

 private:
  std::string buffer_;
  size_t consumed_ = 0;
};

}  // namespace voidbox

#endif  // VOIDBOX_SANDBOX_EMULATED_HOST_MUX_FRAME_H_

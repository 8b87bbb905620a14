#ifndef VOIDBOX_VIRTIO_VSOCK_CONNECT_LINE_H_
#define VOIDBOX_VIRTIO_VSOCK_CONNECT_LINE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace voidbox {

// Collects the first line of a host client, "CONNECT <port>\n" (the convention of Firecracker's
// vsock device), from reads of any size, and keeps the bytes of the stream that came with it.
class ConnectLine {
 public:
  // Where the next bytes are to be read to; never empty while Advance returns no port.
  std::span<char> Room() { return std::span(bytes_).subspan(size_); }

  // `count` bytes were read into Room(). The guest port, once the line is complete; nullopt when
  // more is needed; INVALID_ARGUMENT when it is no such line or longer than 32 bytes.
  absl::StatusOr<std::optional<uint32_t>> Advance(size_t count);

  // The bytes after the line, from the stream itself.
  absl::string_view rest() const {
    return absl::string_view(bytes_.data(), size_).substr(line_size_);
  }
  // Passes over `count` bytes of rest().
  void ConsumeRest(size_t count) { line_size_ += static_cast<uint8_t>(count); }

 private:
  std::array<char, 32> bytes_ = {};
  uint8_t size_ = 0;
  uint8_t line_size_ = 0;
};

}  // namespace voidbox

#endif  // VOIDBOX_VIRTIO_VSOCK_CONNECT_LINE_H_

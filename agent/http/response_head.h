#ifndef VOIDBOX_AGENT_HTTP_RESPONSE_HEAD_H_
#define VOIDBOX_AGENT_HTTP_RESPONSE_HEAD_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace voidbox {

// What precedes a response's body. All texts are our own: nothing of a client's gets here.
struct ResponseHead {
  int status = 200;
  absl::string_view content_type;
  std::optional<uint64_t> content_length;
  bool chunked = false;
  bool close = false;  // after this response
  bool http_1_1 = true;
  absl::string_view allow;
  int64_t now = 0;  // seconds since 1970
};

// Status line and header fields, with the empty line (RFC 9112 §4).
std::string ToString(const ResponseHead& head);

// One chunk of a body (RFC 9112 §7.1); `bytes` are not empty.
std::string ChunkHead(size_t bytes);
inline constexpr absl::string_view kChunkEnd = "\r\n";
inline constexpr absl::string_view kLastChunk = "0\r\n\r\n";

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_HTTP_RESPONSE_HEAD_H_

#ifndef VOIDBOX_AGENT_HTTP_REQUEST_PARSER_H_
#define VOIDBOX_AGENT_HTTP_REQUEST_PARSER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "agent/http/http_error.h"

namespace voidbox {

// Request line and header fields together, trailers apart.
inline constexpr size_t kMaxHeadBytes = 16 << 10;
inline constexpr size_t kMaxHeaderFields = 100;

// What a request says before its body. There are no virtual hosts, so Host may be missing.
struct RequestHead {
  std::string method;
  bool known_method = false;  // one that is registered, whether we serve it or not
  std::string target;         // as it came
  bool http_1_1 = false;      // else 1.0
  bool keep_alive = false;
  bool expects_continue = false;
  bool chunked = false;
  std::optional<uint64_t> content_length;
  std::string content_encoding;
};

// Takes one HTTP/1.x request (RFC 9112) out of a byte stream that arrives in pieces, without
// looking at what it means. Keeps no body: its pieces are of the bytes that it is given.
class RequestParser {
 public:
  enum class Event {
    kNeedsMore,  // bytes behind those that were consumed
    kHead,       // head() is there
    kBody,       // a piece of the body
    kEnd,        // of the request; Next is not called again
    kError,      // error() says why; Next is not called again
  };
  struct Step {
    Event event;
    size_t consumed;  // of the bytes given; they are not to be given again
    absl::string_view body;
  };

  RequestParser();
  ~RequestParser();

  // Each event but kNeedsMore once in this order, kBody as often as need be.
  Step Next(absl::string_view bytes);

  // Some of a request has been consumed.
  bool started() const { return head_bytes_ != 0; }
  const RequestHead& head() const { return head_; }
  const HttpError& error() const { return error_; }

 private:
  struct Impl;
  Step NextOfHead(absl::string_view bytes);
  Step NextOfBody(absl::string_view bytes);
  Step Fail(HttpError error);
  // Reads the head out of the parsed fields.
  bool FillHead();

  std::unique_ptr<Impl> impl_;  // Boost's parser
  size_t head_bytes_ = 0;
  bool head_done_ = false;
  RequestHead head_;
  HttpError error_;
};

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_HTTP_REQUEST_PARSER_H_

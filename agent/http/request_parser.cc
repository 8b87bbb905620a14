#include "agent/http/request_parser.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/optional.hpp>
#include <boost/throw_exception.hpp>
#include <cstdlib>
#include <limits>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#ifdef BOOST_NO_EXCEPTIONS
// What Boost calls where it would throw, which the parser does for want of memory alone.
namespace boost {
void throw_exception(const std::exception& /*error*/) { std::abort(); }
void throw_exception(const std::exception& /*error*/, const source_location& /*where*/) {
  std::abort();
}
}  // namespace boost
#endif

namespace voidbox {
namespace {

namespace http = boost::beast::http;
using boost::beast::error_code;

std::string Copy(boost::beast::string_view text) { return {text.data(), text.size()}; }

// Boost's parser hands the body to this, which only points at it.
struct PieceBody {
  using value_type = absl::string_view;
  class reader {
   public:
    template <bool isRequest, class Fields>
    reader(http::header<isRequest, Fields>& /*head*/, value_type& piece) : piece_(piece) {}
    void init(const boost::optional<uint64_t>& /*length*/, error_code& error) { error = {}; }
    template <class Buffers>
    size_t put(const Buffers& buffers, error_code& error) {
      error = {};
      // The parser gives one buffer at a time.
      const boost::asio::const_buffer buffer = *boost::asio::buffer_sequence_begin(buffers);
      piece_ = {static_cast<const char*>(buffer.data()), buffer.size()};
      return buffer.size();
    }
    void finish(error_code& error) { error = {}; }

   private:
    value_type& piece_;
  };
};

HttpError BadRequest(absl::string_view what) {
  return {.status = 400,
          .code = "bad_request",
          .message = absl::StrCat("request: ", what),
          .remediation = "send a request as RFC 9112 has it"};
}

HttpError TooLarge(absl::string_view what) {
  return {.status = 431,
          .code = "head_too_large",
          .message = absl::StrCat("request: ", what),
          .remediation = "send a shorter target, and fewer or shorter header fields"};
}

HttpError Explained(const error_code& error) {
  if (error == http::error::header_limit) {
    return TooLarge(absl::StrCat("its head is longer than the limit of ", kMaxHeadBytes, " bytes"));
  }
  if (error == http::error::bad_version) {
    return {.status = 505,
            .code = "http_version_not_supported",
            .message = "request: neither HTTP/1.1 nor HTTP/1.0",
            .remediation = "speak HTTP/1.1"};
  }
  return BadRequest(error.message());
}

}  // namespace

struct RequestParser::Impl {
  Impl() {
    parser.header_limit(kMaxHeadBytes);
    // Who takes the body knows how much. (To be without a limit, boost::none, refuses every
    // Content-Length in Boost 1.74.)
    parser.body_limit(std::numeric_limits<uint64_t>::max());
    parser.eager(false);  // one piece at a time
  }
  http::parser</*isRequest=*/true, PieceBody> parser;
};

RequestParser::RequestParser() : impl_(std::make_unique<Impl>()) {}
RequestParser::~RequestParser() = default;

RequestParser::Step RequestParser::Next(absl::string_view bytes) {
  return head_done_ ? NextOfBody(bytes) : NextOfHead(bytes);
}

RequestParser::Step RequestParser::NextOfHead(absl::string_view bytes) {
  size_t skipped = 0;
  // RFC 9112 §2.2: empty lines before a request are passed over.
  while (!started() && absl::StartsWith(bytes.substr(skipped), "\r\n")) skipped += 2;
  bytes.remove_prefix(skipped);
  error_code error;
  const size_t consumed = impl_->parser.put({bytes.data(), bytes.size()}, error);
  head_bytes_ += consumed;
  const auto& fields = impl_->parser.get();
  if (head_bytes_ > kMaxHeadBytes) return Fail(Explained(http::error::header_limit));
  if (std::distance(fields.begin(), fields.end()) > static_cast<ptrdiff_t>(kMaxHeaderFields)) {
    return Fail(TooLarge(absl::StrCat("it has more than ", kMaxHeaderFields, " header fields")));
  }
  if (error == http::error::need_more) return {Event::kNeedsMore, skipped + consumed, ""};
  if (error) return Fail(Explained(error));
  head_done_ = true;
  if (!FillHead()) return {Event::kError, 0, ""};
  return {Event::kHead, skipped + consumed, ""};
}

RequestParser::Step RequestParser::NextOfBody(absl::string_view bytes) {
  size_t consumed = 0;
  auto& parser = impl_->parser;
  while (!parser.is_done()) {
    const absl::string_view rest = bytes.substr(consumed);
    if (rest.empty()) return {Event::kNeedsMore, consumed, ""};
    absl::string_view& piece = parser.get().body();
    piece = "";
    error_code error;
    const size_t used = parser.put({rest.data(), rest.size()}, error);
    consumed += used;
    if (error == http::error::need_more) return {Event::kNeedsMore, consumed, ""};
    if (error) return Fail(Explained(error));
    if (!piece.empty()) return {Event::kBody, consumed, piece};
  }
  return {Event::kEnd, consumed, ""};
}

RequestParser::Step RequestParser::Fail(HttpError error) {
  error_ = std::move(error);
  return {Event::kError, 0, ""};
}

bool RequestParser::FillHead() {
  const auto& request = impl_->parser.get();
  head_.method = Copy(request.method_string());
  head_.known_method = request.method() != http::verb::unknown;
  head_.target = Copy(request.target());
  head_.http_1_1 = request.version() == 11;
  head_.keep_alive = request.keep_alive();
  head_.chunked = impl_->parser.chunked();
  if (const auto length = impl_->parser.content_length()) head_.content_length = *length;
  head_.content_encoding = Copy(request[http::field::content_encoding]);
  const std::string coding = Copy(request[http::field::transfer_encoding]);
  if (!coding.empty() && !absl::EqualsIgnoreCase(coding, "chunked")) {
    Fail({.status = 501,
          .code = "transfer_coding_not_supported",
          .message = "request: its transfer coding is not chunked",
          .remediation = "send Transfer-Encoding: chunked, or a Content-Length"});
    return false;
  }
  const std::string expectation = Copy(request[http::field::expect]);
  head_.expects_continue = absl::EqualsIgnoreCase(expectation, "100-continue");
  if (!expectation.empty() && !head_.expects_continue) {
    Fail({.status = 417,
          .code = "expectation_failed",
          .message = "request: Expect is not 100-continue",
          .remediation = "leave the field Expect out"});
    return false;
  }
  return true;
}

}  // namespace voidbox

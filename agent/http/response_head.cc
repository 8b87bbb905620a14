#include "agent/http/response_head.h"

#include <time.h>

#include <array>

#include "absl/strings/str_cat.h"

namespace voidbox {
namespace {

absl::string_view Reason(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 411:
      return "Length Required";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Internal Server Error";
  }
}

// RFC 9110 §5.6.7: "Sun, 06 Nov 1994 08:49:37 GMT".
std::string Date(int64_t seconds) {
  constexpr std::array<const char*, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const time_t time = seconds;
  tm parts;
  if (::gmtime_r(&time, &parts) == nullptr) return "";
  const auto two = [](int number) { return absl::Dec(number, absl::kZeroPad2); };
  return absl::StrCat(kDays[parts.tm_wday], ", ", two(parts.tm_mday), " ", kMonths[parts.tm_mon],
                      " ", parts.tm_year + 1900, " ", two(parts.tm_hour), ":", two(parts.tm_min),
                      ":", two(parts.tm_sec), " GMT");
}

}  // namespace

std::string ToString(const ResponseHead& head) {
  std::string text = absl::StrCat(head.http_1_1 ? "HTTP/1.1 " : "HTTP/1.0 ", head.status, " ",
                                  Reason(head.status), "\r\nDate: ", Date(head.now), "\r\n");
  if (!head.content_type.empty()) {
    absl::StrAppend(&text, "Content-Type: ", head.content_type, "\r\n");
  }
  if (head.content_length.has_value()) {
    absl::StrAppend(&text, "Content-Length: ", *head.content_length, "\r\n");
  }
  if (head.chunked) absl::StrAppend(&text, "Transfer-Encoding: chunked\r\n");
  if (!head.allow.empty()) absl::StrAppend(&text, "Allow: ", head.allow, "\r\n");
  if (head.close) {
    absl::StrAppend(&text, "Connection: close\r\n");
  } else if (!head.http_1_1) {
    absl::StrAppend(&text, "Connection: keep-alive\r\n");
  }
  absl::StrAppend(&text, "\r\n");
  return text;
}

std::string ChunkHead(size_t bytes) { return absl::StrCat(absl::Hex(bytes), "\r\n"); }

}  // namespace voidbox

#ifndef VOIDBOX_AGENT_HTTP_TESTING_RESPONSE_H_
#define VOIDBOX_AGENT_HTTP_TESTING_RESPONSE_H_

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace voidbox {

// A response as a client reads it.
struct HttpResponse {
  int status = 0;
  std::string head;  // status line and fields
  std::string body;  // out of its chunks
  bool complete = false;

  bool Has(absl::string_view field) const {
    return absl::StrContains(head, absl::StrCat("\r\n", field, "\r\n"));
  }
  nlohmann::json Json() const { return nlohmann::json::parse(body, nullptr, false); }
  std::string Code() const { return Json()["error"]["code"].get<std::string>(); }
  std::string Message() const { return Json()["error"]["message"].get<std::string>(); }
};

// Takes a response off `bytes`; nullopt when its head has not come. Without a length, its body is
// all that is there.
inline std::optional<HttpResponse> TakeResponse(std::string& bytes, bool ended,
                                                bool head_only = false) {
  const size_t end = bytes.find("\r\n\r\n");
  if (end == std::string::npos) return std::nullopt;
  HttpResponse response = {.head = bytes.substr(0, end + 2)};
  EXPECT_TRUE(absl::SimpleAtoi(response.head.substr(9, 3), &response.status)) << response.head;
  std::string rest = bytes.substr(end + 4);
  const auto take = [&](size_t size) {
    bytes = rest.substr(size);
    response.complete = true;
  };
  const size_t length = response.head.find("Content-Length: ");
  if (head_only || response.status == 100) {
    take(0);
  } else if (length != std::string::npos) {
    const size_t size = std::stoul(response.head.substr(length + 16));
    response.body = rest.substr(0, size);
    if (rest.size() >= size) take(size);
  } else if (response.Has("Transfer-Encoding: chunked")) {
    size_t at = 0;
    for (size_t line; (line = rest.find("\r\n", at)) != std::string::npos;) {
      const size_t size = std::stoul(rest.substr(at, line - at), nullptr, 16);
      if (rest.size() < line + 2 + size + 2) break;
      response.body += rest.substr(line + 2, size);
      at = line + 2 + size + 2;
      if (size != 0) continue;
      take(at);
      break;
    }
  } else {
    response.body = rest;
    response.complete = ended;
  }
  return response;
}

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_HTTP_TESTING_RESPONSE_H_

#include "agent/http/http_error.h"

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace voidbox {
namespace {

struct Kind {
  int status;
  const char* code;
  const char* remediation;
};

Kind KindOf(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kInvalidArgument:
      return {400, "invalid_argument", "correct what the message names and send the request again"};
    case absl::StatusCode::kPermissionDenied:
      return {
          403, "permission_denied",
          "the guest's configuration or its file permissions forbid it; ask for something else"};
    case absl::StatusCode::kNotFound:
      return {404, "not_found", "look at what there is, and correct the name"};
    case absl::StatusCode::kAlreadyExists:
      return {409, "already_exists", "choose another name, or remove what is there first"};
    case absl::StatusCode::kFailedPrecondition:
      return {409, "failed_precondition", "do first what the message names"};
    case absl::StatusCode::kResourceExhausted:
      return {429, "resource_exhausted", "ask for less, or wait until something else has ended"};
    case absl::StatusCode::kUnimplemented:
      return {501, "unimplemented", "use an image or a kernel that has it"};
    case absl::StatusCode::kUnavailable:
      return {503, "unavailable", "try again later"};
    default:
      return {500, "internal", "look into the guest's log (voidbox logs)"};
  }
}

}  // namespace

HttpError HttpErrorOf(const absl::Status& status) {
  const Kind kind = KindOf(status.code());
  return {.status = kind.status,
          .code = kind.code,
          .message = std::string(status.message()),
          .remediation = kind.remediation};
}

HttpError TooSlow(absl::string_view what) {
  return {.status = 408,
          .code = "request_timeout",
          .message = absl::StrCat("request: its ", what, " did not come in time"),
          .remediation = "send it at once, or over a quicker connection"};
}

HttpError TooMuch(uint64_t limit) {
  return {
      .status = 413,
      .code = "content_too_large",
      .message = absl::StrCat("request: its body is longer than the limit of ", limit, " bytes"),
      .remediation = "send less, or in parts"};
}

std::string ErrorBody(const HttpError& error) {
  nlohmann::json body;
  body["error"] = {
      {"code", error.code}, {"message", error.message}, {"remediation", error.remediation}};
  return body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace voidbox

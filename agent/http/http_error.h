#ifndef VOIDBOX_AGENT_HTTP_HTTP_ERROR_H_
#define VOIDBOX_AGENT_HTTP_HTTP_ERROR_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace voidbox {

// An answer that says what is wrong: {"error":{"code","message","remediation"}}.
struct HttpError {
  int status;               // RFC 9110 §15
  std::string code;         // for programs: snake_case
  std::string message;      // for people: what is wrong
  std::string remediation;  // for people: what to do about it
  std::string allow;        // of 405: the methods that are served
};

// What a call was refused for, as HTTP has it.
HttpError HttpErrorOf(const absl::Status& status);

// 408: that part of the request did not come in time.
HttpError TooSlow(absl::string_view part);
// 413: a body of more than so many bytes.
HttpError TooMuch(uint64_t limit);

// The body. Bytes that are not UTF-8 are replaced.
std::string ErrorBody(const HttpError& error);

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_HTTP_HTTP_ERROR_H_

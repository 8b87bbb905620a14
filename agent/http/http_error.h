#ifndef VOIDBOX_AGENT_HTTP_HTTP_ERROR_H_
#define VOIDBOX_AGENT_HTTP_HTTP_ERROR_H_

#include <string>

#include "absl/status/status.h"

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

// The body. Bytes that are not UTF-8 are replaced.
std::string ErrorBody(const HttpError& error);

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_HTTP_HTTP_ERROR_H_

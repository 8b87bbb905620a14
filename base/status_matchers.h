// GoogleTest matchers for absl::Status and absl::StatusOr.
#ifndef VOIDBOX_BASE_STATUS_MATCHERS_H_
#define VOIDBOX_BASE_STATUS_MATCHERS_H_

#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"

namespace voidbox {

inline const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

MATCHER(IsOk, "is OK") {
  *result_listener << "which is " << StatusOf(arg).ToString();
  return StatusOf(arg).ok();
}

// The exact code, and a matcher (or the exact text) for the message.
MATCHER_P2(StatusIs, code, message, "has the given code and a matching message") {
  const absl::Status& status = StatusOf(arg);
  *result_listener << "which is " << status.ToString();
  return status.code() == code && ::testing::Matches(::testing::SafeMatcherCast<std::string>(
                                      message))(std::string(status.message()));
}

}  // namespace voidbox

#endif  // VOIDBOX_BASE_STATUS_MATCHERS_H_

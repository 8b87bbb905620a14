#include "agent/error_frame.h"

#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace voidbox {
namespace {

struct Code {
  absl::StatusCode status;
  agent::Error::Code error;
};
constexpr std::array<Code, 8> kCodes = {{
    {absl::StatusCode::kInvalidArgument, agent::Error::INVALID_ARGUMENT},
    {absl::StatusCode::kResourceExhausted, agent::Error::RESOURCE_EXHAUSTED},
    {absl::StatusCode::kInternal, agent::Error::INTERNAL},
    {absl::StatusCode::kNotFound, agent::Error::NOT_FOUND},
    {absl::StatusCode::kAlreadyExists, agent::Error::ALREADY_EXISTS},
    {absl::StatusCode::kFailedPrecondition, agent::Error::FAILED_PRECONDITION},
    {absl::StatusCode::kPermissionDenied, agent::Error::PERMISSION_DENIED},
    {absl::StatusCode::kUnimplemented, agent::Error::UNIMPLEMENTED},
}};

}  // namespace

std::string MessageText(absl::string_view text) {
  std::string result;
  for (const char c : text) {
    if (result.size() >= kMaxMessageBytes) {
      result += "...";
      break;
    }
    if (absl::ascii_isprint(static_cast<unsigned char>(c))) {
      result += c;
    } else {
      absl::StrAppend(&result, "\\x", absl::Hex(static_cast<unsigned char>(c), absl::kZeroPad2));
    }
  }
  return result;
}

agent::ServerFrame ErrorFrame(const absl::Status& status) {
  agent::ServerFrame frame;
  agent::Error& error = *frame.mutable_error();
  error.set_code(agent::Error::INTERNAL);
  for (const Code& code : kCodes) {
    if (code.status == status.code()) error.set_code(code.error);
  }
  error.set_message(MessageText(status.message()));
  return frame;
}

absl::Status ErrorStatus(const agent::Error& error) {
  for (const Code& code : kCodes) {
    if (code.error == error.code()) return absl::Status(code.status, MessageText(error.message()));
  }
  return absl::InternalError(MessageText(error.message()));
}

}  // namespace voidbox

#include "virtio/vsock/connect_line.h"

#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace voidbox {
namespace {

// Digits only: SimpleAtoi would take signs and spaces too.
std::optional<uint32_t> ParsePort(absl::string_view text) {
  uint32_t port = 0;
  for (char c : text) {
    if (!absl::ascii_isdigit(c)) return std::nullopt;
  }
  if (!absl::SimpleAtoi(text, &port)) return std::nullopt;
  return port;
}

}  // namespace

absl::StatusOr<std::optional<uint32_t>> ConnectLine::Advance(size_t count) {
  constexpr absl::string_view kCommand = "CONNECT ";
  size_ += static_cast<uint8_t>(count);
  const absl::string_view text(bytes_.data(), size_);
  const size_t end = text.find('\n');
  const absl::string_view line = text.substr(0, end);
  const absl::string_view command = line.substr(0, kCommand.size());
  if (!absl::EqualsIgnoreCase(command, kCommand.substr(0, command.size()))) {
    return absl::InvalidArgumentError("the first line is not CONNECT <port>");
  }
  if (end == absl::string_view::npos) {
    if (size_ == bytes_.size()) {
      return absl::InvalidArgumentError(
          absl::StrCat("the CONNECT line is longer than ", bytes_.size(), " bytes"));
    }
    return std::nullopt;
  }
  if (line.size() < kCommand.size()) {
    return absl::InvalidArgumentError("the first line is not CONNECT <port>");
  }
  const std::optional<uint32_t> port =
      ParsePort(absl::StripAsciiWhitespace(line.substr(kCommand.size())));
  if (!port.has_value()) {
    return absl::InvalidArgumentError("the CONNECT line has no port from 0 to 4294967295");
  }
  line_size_ = static_cast<uint8_t>(end + 1);
  return port;
}

}  // namespace voidbox

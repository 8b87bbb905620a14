#include "agent/ping/echo_message.h"

#include <sys/socket.h>

namespace voidbox {
namespace {

// RFC 792 and RFC 4443.
constexpr char kEcho4 = 8, kEchoReply4 = 0;
constexpr auto kEcho6 = static_cast<char>(128), kEchoReply6 = static_cast<char>(129);
// Type, code, checksum, identifier, sequence number.
constexpr size_t kType = 0, kCode = 1, kSequence = 6;

}  // namespace

std::string EchoRequest(int family, uint16_t sequence, absl::string_view data) {
  std::string message(kEchoHeaderBytes, '\0');
  message[kType] = family == AF_INET ? kEcho4 : kEcho6;
  message[kSequence] = static_cast<char>(sequence >> 8);
  message[kSequence + 1] = static_cast<char>(sequence);
  message.append(data.data(), data.size());
  return message;
}

std::optional<EchoReply> ParseEchoReply(int family, absl::string_view message) {
  if (message.size() < kEchoHeaderBytes || message[kCode] != 0 ||
      message[kType] != (family == AF_INET ? kEchoReply4 : kEchoReply6)) {
    return std::nullopt;
  }
  const auto byte = [&](size_t at) { return static_cast<uint8_t>(message[at]); };
  return EchoReply{.sequence = static_cast<uint16_t>(byte(kSequence) << 8 | byte(kSequence + 1)),
                   .data = message.substr(kEchoHeaderBytes)};
}

}  // namespace voidbox

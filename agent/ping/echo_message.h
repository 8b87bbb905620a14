#ifndef VOIDBOX_AGENT_PING_ECHO_MESSAGE_H_
#define VOIDBOX_AGENT_PING_ECHO_MESSAGE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace voidbox {

// Echo and echo reply messages of ICMP (RFC 792) and ICMPv6 (RFC 4443, 4.1 and 4.2), as a ping
// socket of Linux takes and gives them: without an IP header, and with the identifier and checksum
// left to the kernel (net/ipv4/ping.c).

inline constexpr size_t kEchoHeaderBytes = 8;

struct EchoReply {
  uint16_t sequence = 0;
  absl::string_view data;  // of the message that was parsed
};

// `family` is AF_INET or AF_INET6.
std::string EchoRequest(int family, uint16_t sequence, absl::string_view data);

// Nothing for what is no echo reply.
std::optional<EchoReply> ParseEchoReply(int family, absl::string_view message);

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_PING_ECHO_MESSAGE_H_

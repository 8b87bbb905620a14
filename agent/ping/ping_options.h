#ifndef VOIDBOX_AGENT_PING_PING_OPTIONS_H_
#define VOIDBOX_AGENT_PING_PING_OPTIONS_H_

#include <sys/socket.h>

#include <cstdint>
#include <span>
#include <string>

#include "absl/status/statusor.h"

namespace voidbox {

// What the arguments of `ping` ask for, as in iputils and BusyBox.
struct PingOptions {
  std::string host;
  int family = AF_UNSPEC;       // AF_UNSPEC: that of the host's first address
  uint32_t count = 0;           // 0: until a signal comes
  uint64_t interval_ms = 1000;  // from one request to the next
  uint64_t linger_ms = 10'000;  // for answers, after the last request
  uint64_t deadline_ms = 0;     // for all of it; 0: none
  uint32_t data_bytes = 56;     // behind the ICMP header
  uint32_t hop_limit = 0;       // 0: the kernel's
  bool quiet = false;           // no line for each answer
};

// What RunPing prints for --help and behind what it does not understand.
inline constexpr char kPingUsage[] =
    "usage: ping [-4] [-6] [-q] [-c COUNT] [-i SECONDS] [-s BYTES] [-t HOPS] [-W SECONDS] "
    "[-w SECONDS] HOST\n";

// `arguments` are those behind the program's name. INVALID_ARGUMENT for what is no option, no
// number of its range, and for no host or more than one.
absl::StatusOr<PingOptions> ParsePingOptions(std::span<const char* const> arguments);

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_PING_PING_OPTIONS_H_

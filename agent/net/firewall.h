#ifndef VOIDBOX_AGENT_NET_FIREWALL_H_
#define VOIDBOX_AGENT_NET_FIREWALL_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/agent.pb.h"
#include "agent/net/ip_range.h"

namespace voidbox {

inline constexpr int kMaxFirewallEntries = 4096;

// A checked FirewallRequest.
struct FirewallPolicy {
  std::vector<IpRange> allowed_v4;  // merged
  std::vector<IpRange> allowed_v6;
  bool outbound_internet = false;
};

// INVALID_ARGUMENT with the entry that is none.
absl::StatusOr<FirewallPolicy> ParseFirewallRequest(const agent::FirewallRequest& request);

// Makes it the policy of this network namespace, whole or, with an error, not at all: table
// `inet voidbox`, which takes the place of the one that is there.
//
// What leaves the machine is let through when it goes to a loopback address, belongs to a
// connection that was let through before, is neighbour discovery (without which IPv6 has no
// neighbours), or goes to an allowed address. All else is refused at once, so that programs need
// not wait: a TCP connection with a reset, other packets with "administratively prohibited" (a
// sender sees EPERM).
//
// UNIMPLEMENTED when the kernel has no nf_tables.
absl::Status ApplyFirewall(const FirewallPolicy& policy);

// What outbound_internet does not reach: IANA's special-purpose address registries, multicast, and
// IPv6 networks that carry an IPv4 address.
std::vector<IpRange> NotInternetV4();
std::vector<IpRange> NotInternetV6();

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_NET_FIREWALL_H_

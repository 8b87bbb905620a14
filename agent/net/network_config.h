#ifndef VOIDBOX_AGENT_NET_NETWORK_CONFIG_H_
#define VOIDBOX_AGENT_NET_NETWORK_CONFIG_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/agent.pb.h"
#include "agent/net/ip_range.h"

namespace voidbox {

inline constexpr int kMaxInterfaceAddresses = 16;
inline constexpr int kMaxNameServers = 3;  // what resolvers read (MAXNS of resolv.conf(5))

// A checked NetworkRequest.
struct NetworkConfig {
  struct Address {
    IpAddress address;
    int prefix;
    bool operator==(const Address&) const = default;
  };
  std::string interface;
  std::vector<Address> addresses;
  std::vector<IpAddress> gateways;  // of different families
  std::vector<IpAddress> name_servers;
  uint32_t mtu = 0;  // bytes; 0 leaves it
  std::string mac;   // six bytes; empty leaves it
};

// INVALID_ARGUMENT with the field and the value.
absl::StatusOr<NetworkConfig> ParseNetworkRequest(const agent::NetworkRequest& request);

// Brings the interface up with this configuration: its addresses (but the IPv6 link-local one,
// which is the kernel's) and its default routes are these afterwards. Name servers go to
// `resolv_conf`, which is replaced by rename. NOT_FOUND when there is no such interface. Another
// error leaves what was done before it.
absl::Status ApplyNetworkConfig(const NetworkConfig& config, const std::string& resolv_conf);

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_NET_NETWORK_CONFIG_H_

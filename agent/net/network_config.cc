#include "agent/net/network_config.h"

#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "agent/net/netlink.h"
#include "base/errno_status.h"
#include "base/io.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

constexpr char kDefaultInterface[] = "eth0";
constexpr uint32_t kMinMtu = 576;  // RFC 791 §3.1
constexpr uint32_t kMaxMtu = 65535;
constexpr size_t kMacBytes = 6;
constexpr uint16_t kReplace = NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE;

absl::StatusOr<std::string> ParseInterface(absl::string_view name) {
  if (name.empty()) return std::string(kDefaultInterface);
  const bool bad =
      name.size() >= IFNAMSIZ || std::any_of(name.begin(), name.end(), [](unsigned char c) {
        return c <= ' ' || c > '~' || c == '/' || c == ':';
      });
  if (bad) {
    return absl::InvalidArgumentError(
        absl::StrCat("interface: not a name of 1 to ", IFNAMSIZ - 1, " printable characters"));
  }
  return std::string(name);
}

absl::StatusOr<NetworkConfig::Address> ParseAddress(absl::string_view text) {
  const size_t slash = text.find('/');
  ASSIGN_OR_RETURN(const IpAddress address, ParseIpAddress(text.substr(0, slash)));
  int prefix = 0;
  if (slash == absl::string_view::npos || text.size() - slash > 4 ||
      !absl::SimpleAtoi(text.substr(slash + 1), &prefix) || prefix < 1 || prefix > address.bits()) {
    return absl::InvalidArgumentError(absl::StrCat("address ", ToString(address),
                                                   " is not followed by a prefix length of /1 to /",
                                                   address.bits()));
  }
  return NetworkConfig::Address{.address = address, .prefix = prefix};
}

absl::Status ParseGateways(const agent::NetworkRequest& request, NetworkConfig& config) {
  for (const std::string& text : request.gateways()) {
    ASSIGN_OR_RETURN(IpAddress gateway, ParseIpAddress(text));
    for (const IpAddress& other : config.gateways) {
      if (other.family() == gateway.family()) {
        return absl::InvalidArgumentError(absl::StrCat(
            "gateways: two of one family, ", ToString(other), " and ", ToString(gateway)));
      }
    }
    config.gateways.push_back(std::move(gateway));
  }
  return absl::OkStatus();
}

absl::Status ParseNumbers(const agent::NetworkRequest& request, NetworkConfig& config) {
  config.mtu = request.mtu();
  if (config.mtu != 0 && (config.mtu < kMinMtu || config.mtu > kMaxMtu)) {
    return absl::InvalidArgumentError(
        absl::StrCat("mtu: ", config.mtu, " is not from ", kMinMtu, " to ", kMaxMtu));
  }
  config.mac = request.mac();
  if (config.mac.empty()) return absl::OkStatus();
  // IEEE 802: the lowest bit of the first byte marks a group.
  if (config.mac.size() != kMacBytes || (config.mac[0] & 1) != 0 ||
      config.mac == std::string(kMacBytes, '\0')) {
    return absl::InvalidArgumentError("mac: not the six bytes of one station");
  }
  return absl::OkStatus();
}

// What is there, to be replaced.
struct Present {
  std::vector<NetworkConfig::Address> addresses;
  std::vector<std::pair<int, IpAddress>> gateways;  // of default routes: family and gateway or none
};

bool IsLinkLocal(const IpAddress& address) {
  static const IpRange kLinkLocal = *ParseIpRange("fe80::/10");
  return !address.is_v4() && address.bytes >= kLinkLocal.first.bytes &&
         address.bytes <= kLinkLocal.last.bytes;
}

absl::Status ReadAddresses(NetlinkSocket& socket, uint32_t index, Present& present) {
  NetlinkBatch request;
  request.Begin("list of addresses", RTM_GETADDR, NLM_F_DUMP);
  request.Header(ifaddrmsg{.ifa_family = AF_UNSPEC});
  return socket.Dump(request, [&](absl::string_view payload) {
    ifaddrmsg header;
    if (payload.size() < sizeof(header)) return;
    std::memcpy(&header, payload.data(), sizeof(header));
    if (header.ifa_index != index) return;
    IpAddress address;
    ForEachAttribute(payload.substr(sizeof(header)), [&](uint16_t type, absl::string_view value) {
      // IPv4 has the peer's in IFA_ADDRESS, IPv6 has no IFA_LOCAL without a peer.
      if (type == IFA_LOCAL || (type == IFA_ADDRESS && address.bytes.empty())) {
        address.bytes = std::string(value);
      }
    });
    if (address.bytes.empty() || IsLinkLocal(address)) return;
    present.addresses.push_back({.address = address, .prefix = header.ifa_prefixlen});
  });
}

absl::Status ReadDefaultRoutes(NetlinkSocket& socket, uint32_t index, Present& present) {
  NetlinkBatch request;
  request.Begin("list of routes", RTM_GETROUTE, NLM_F_DUMP);
  request.Header(rtmsg{.rtm_family = AF_UNSPEC});
  return socket.Dump(request, [&](absl::string_view payload) {
    rtmsg header;
    if (payload.size() < sizeof(header)) return;
    std::memcpy(&header, payload.data(), sizeof(header));
    if (header.rtm_dst_len != 0 || header.rtm_table != RT_TABLE_MAIN) return;
    IpAddress gateway;
    uint32_t out = 0;
    ForEachAttribute(payload.substr(sizeof(header)), [&](uint16_t type, absl::string_view value) {
      if (type == RTA_GATEWAY) gateway.bytes = std::string(value);
      if (type == RTA_OIF && value.size() == sizeof(out)) {
        std::memcpy(&out, value.data(), sizeof(out));
      }
    });
    if (out == index) present.gateways.emplace_back(header.rtm_family, gateway);
  });
}

void PutLink(NetlinkBatch& batch, const NetworkConfig& config, uint32_t index) {
  batch.Begin(absl::StrCat("interface ", config.interface), RTM_NEWLINK, NLM_F_ACK);
  batch.Header(ifinfomsg{.ifi_family = AF_UNSPEC,
                         .ifi_index = static_cast<int>(index),
                         .ifi_flags = IFF_UP,
                         .ifi_change = IFF_UP});
  if (config.mtu != 0) batch.Value(IFLA_MTU, config.mtu);
  if (!config.mac.empty()) batch.Attribute(IFLA_ADDRESS, config.mac);
}

void PutAddress(NetlinkBatch& batch, const NetworkConfig::Address& address, uint32_t index,
                uint16_t type) {
  const bool added = type == RTM_NEWADDR;
  batch.Begin(absl::StrCat("address ", ToString(address.address), "/", address.prefix), type,
              added ? kReplace : NLM_F_ACK);
  batch.Header(ifaddrmsg{.ifa_family = static_cast<uint8_t>(address.address.family()),
                         .ifa_prefixlen = static_cast<uint8_t>(address.prefix),
                         .ifa_scope = RT_SCOPE_UNIVERSE,
                         .ifa_index = index});
  batch.Attribute(IFA_LOCAL, address.address.bytes);
  batch.Attribute(IFA_ADDRESS, address.address.bytes);
  if (!added) return;
  if (!address.address.is_v4()) {
    // Usable at once: nobody else on the link has it.
    batch.Value(IFA_FLAGS, static_cast<uint32_t>(IFA_F_NODAD));
  } else if (address.prefix < 31) {
    batch.Attribute(IFA_BROADCAST, RangeOf(address.address, address.prefix).last.bytes);
  }
}

void PutDefaultRoute(NetlinkBatch& batch, int family, const IpAddress& gateway, uint32_t index,
                     uint16_t type) {
  const bool added = type == RTM_NEWROUTE;
  batch.Begin(absl::StrCat("default route", gateway.bytes.empty() ? "" : " by gateway ",
                           gateway.bytes.empty() ? "" : ToString(gateway)),
              type, added ? kReplace : NLM_F_ACK);
  batch.Header(
      rtmsg{.rtm_family = static_cast<uint8_t>(family),
            .rtm_table = RT_TABLE_MAIN,
            .rtm_protocol = static_cast<uint8_t>(added ? RTPROT_STATIC : RTPROT_UNSPEC),
            .rtm_scope = static_cast<uint8_t>(added ? RT_SCOPE_UNIVERSE : RT_SCOPE_NOWHERE),
            .rtm_type = static_cast<uint8_t>(added ? RTN_UNICAST : RTN_UNSPEC)});
  if (!gateway.bytes.empty()) batch.Attribute(RTA_GATEWAY, gateway.bytes);
  batch.Value(RTA_OIF, index);
}

absl::Status ReplaceAddresses(NetlinkSocket& socket, const NetworkConfig& config, uint32_t index) {
  Present present;
  RETURN_IF_ERROR(ReadAddresses(socket, index, present));
  RETURN_IF_ERROR(ReadDefaultRoutes(socket, index, present));
  // One message at a time: rtnetlink goes on after one that fails.
  const auto commit = [&](const auto& put) {
    NetlinkBatch batch;
    put(batch);
    return socket.Commit(batch);
  };
  for (const auto& [family, gateway] : present.gateways) {
    RETURN_IF_ERROR(commit([&, family = family, &gateway = gateway](NetlinkBatch& batch) {
      PutDefaultRoute(batch, family, gateway, index, RTM_DELROUTE);
    }));
  }
  for (const NetworkConfig::Address& address : present.addresses) {
    if (std::count(config.addresses.begin(), config.addresses.end(), address) != 0) continue;
    absl::Status status =
        commit([&](NetlinkBatch& b) { PutAddress(b, address, index, RTM_DELADDR); });
    // A secondary address went with its primary one: EADDRNOTAVAIL, which is this status.
    if (!status.ok() && !absl::IsAlreadyExists(status)) return status;
  }
  // Those that are there stay untouched: Linux 6.1 takes the route to ::1 away when it is replaced.
  Present left;
  RETURN_IF_ERROR(ReadAddresses(socket, index, left));
  for (const NetworkConfig::Address& address : config.addresses) {
    if (std::count(left.addresses.begin(), left.addresses.end(), address) != 0) continue;
    RETURN_IF_ERROR(commit([&](NetlinkBatch& b) { PutAddress(b, address, index, RTM_NEWADDR); }));
  }
  for (const IpAddress& gateway : config.gateways) {
    RETURN_IF_ERROR(commit([&](NetlinkBatch& batch) {
      PutDefaultRoute(batch, gateway.family(), gateway, index, RTM_NEWROUTE);
    }));
  }
  return absl::OkStatus();
}

absl::Status WriteResolvConf(const NetworkConfig& config, const std::string& path) {
  if (config.name_servers.empty()) return absl::OkStatus();
  std::string text;
  for (const IpAddress& server : config.name_servers) {
    absl::StrAppend(&text, "nameserver ", ToString(server), "\n");
  }
  return WriteFileAtomically(path, text);
}

}  // namespace

absl::StatusOr<NetworkConfig> ParseNetworkRequest(const agent::NetworkRequest& request) {
  NetworkConfig config;
  ASSIGN_OR_RETURN(config.interface, ParseInterface(request.interface()));
  if (request.addresses_size() > kMaxInterfaceAddresses) {
    return absl::InvalidArgumentError(absl::StrCat("addresses: ", request.addresses_size(),
                                                   " are more than the limit of ",
                                                   kMaxInterfaceAddresses));
  }
  for (const std::string& text : request.addresses()) {
    ASSIGN_OR_RETURN(NetworkConfig::Address address, ParseAddress(text));
    config.addresses.push_back(std::move(address));
  }
  RETURN_IF_ERROR(ParseGateways(request, config));
  if (request.name_servers_size() > kMaxNameServers) {
    return absl::InvalidArgumentError(absl::StrCat("name servers: ", request.name_servers_size(),
                                                   " are more than the limit of ",
                                                   kMaxNameServers));
  }
  for (const std::string& text : request.name_servers()) {
    ASSIGN_OR_RETURN(IpAddress server, ParseIpAddress(text));
    config.name_servers.push_back(std::move(server));
  }
  RETURN_IF_ERROR(ParseNumbers(request, config));
  return config;
}

absl::Status ApplyNetworkConfig(const NetworkConfig& config, const std::string& resolv_conf) {
  const uint32_t index = ::if_nametoindex(config.interface.c_str());
  if (index == 0) {
    return absl::NotFoundError(
        absl::StrCat("interface ", config.interface, ": there is none in this guest"));
  }
  ASSIGN_OR_RETURN(NetlinkSocket socket, NetlinkSocket::Open(NETLINK_ROUTE));
  NetlinkBatch link;
  PutLink(link, config, index);
  RETURN_IF_ERROR(socket.Commit(link));
  RETURN_IF_ERROR(ReplaceAddresses(socket, config, index));
  return WriteResolvConf(config, resolv_conf);
}

}  // namespace voidbox

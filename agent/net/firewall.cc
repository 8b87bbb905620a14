#include "agent/net/firewall.h"

#include <linux/icmpv6.h>
#include <linux/netlink.h>

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/net/netlink.h"
#include "agent/net/nft_transaction.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

constexpr char kTable[] = "voidbox";
constexpr char kChain[] = "output";
// RFC 4861 §4; linux/icmpv6.h leaves them to the kernel's own headers.
constexpr uint8_t kRouterSolicitation = 133;
constexpr uint8_t kNeighbourSolicitation = 135;
constexpr uint8_t kNeighbourAdvertisement = 136;

using Rule = NftTransaction::Rule;

std::vector<IpRange> Ranges(std::initializer_list<absl::string_view> networks) {
  std::vector<IpRange> ranges;
  for (const absl::string_view network : networks) ranges.push_back(*ParseIpRange(network));
  return Merge(std::move(ranges));
}

void AllowFamily(NftTransaction& transaction, const NftSet& allowed, const NftSet& not_internet,
                 bool outbound_internet) {
  const absl::string_view family = allowed.v4 ? "IPv4" : "IPv6";
  transaction.AddSet(allowed);
  Rule(transaction, kChain, absl::StrCat("allowed ", family)).GoesTo(allowed).Accept();
  if (!outbound_internet) return;
  transaction.AddSet(not_internet);
  Rule(transaction, kChain, absl::StrCat("the internet, ", family))
      .GoesOutside(not_internet)
      .Accept();
}

absl::Status Explained(const absl::Status& status) {
  // The kernel has no such netlink protocol, or nobody who serves it.
  const bool missing = absl::IsUnimplemented(status) || absl::IsUnavailable(status);
  if (!missing) return status;
  return absl::UnimplementedError(
      absl::StrCat("firewall: the guest's kernel has no nf_tables: ", status.message()));
}

}  // namespace

std::vector<IpRange> NotInternetV4() {
  return Ranges({"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
                 "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24",
                 "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
                 "224.0.0.0/4", "240.0.0.0/4"});
}

std::vector<IpRange> NotInternetV6() {
  // Global unicast is 2000::/3 (RFC 4291 §2.4); Teredo, ORCHID, documentation and 6to4 lie in it.
  return Ranges(
      {"::/3", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "4000::/2", "8000::/1"});
}

absl::StatusOr<FirewallPolicy> ParseFirewallRequest(const agent::FirewallRequest& request) {
  if (request.allowed_size() > kMaxFirewallEntries) {
    return absl::InvalidArgumentError(absl::StrCat("allowed: ", request.allowed_size(),
                                                   " entries, more than the limit of ",
                                                   kMaxFirewallEntries));
  }
  FirewallPolicy policy = {.outbound_internet = request.outbound_internet()};
  for (int i = 0; i < request.allowed_size(); ++i) {
    absl::StatusOr<IpRange> range = ParseIpRange(request.allowed(i));
    if (!range.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("allowed entry ", i + 1, ": ", range.status().message()));
    }
    (range->first.is_v4() ? policy.allowed_v4 : policy.allowed_v6).push_back(*std::move(range));
  }
  policy.allowed_v4 = Merge(std::move(policy.allowed_v4));
  policy.allowed_v6 = Merge(std::move(policy.allowed_v6));
  return policy;
}

absl::Status ApplyFirewall(const FirewallPolicy& policy) {
  NftTransaction transaction(kTable);
  transaction.ReplaceTable();
  transaction.AddOutputChain(kChain);
  Rule(transaction, kChain, "known connections").IsOfKnownConnection().Accept();
  for (const absl::string_view network : {"127.0.0.0/8", "::1"}) {
    Rule(transaction, kChain, "loopback").GoesTo(*ParseIpRange(network)).Accept();
  }
  for (const uint8_t type :
       {kRouterSolicitation, kNeighbourSolicitation, kNeighbourAdvertisement}) {
    Rule(transaction, kChain, "neighbour discovery").IsIcmpV6Type(type).Accept();
  }
  AllowFamily(transaction, {.name = "allowed4", .id = 1, .v4 = true, .ranges = policy.allowed_v4},
              {.name = "not-internet4", .id = 2, .v4 = true, .ranges = NotInternetV4()},
              policy.outbound_internet);
  AllowFamily(transaction, {.name = "allowed6", .id = 3, .v4 = false, .ranges = policy.allowed_v6},
              {.name = "not-internet6", .id = 4, .v4 = false, .ranges = NotInternetV6()},
              policy.outbound_internet);
  Rule(transaction, kChain, "refused connections").RejectWithReset();
  Rule(transaction, kChain, "refused packets").RejectAsProhibited();

  absl::StatusOr<NetlinkSocket> socket = NetlinkSocket::Open(NETLINK_NETFILTER);
  if (!socket.ok()) return Explained(socket.status());
  return Explained(socket->Commit(transaction.Finish()));
}

}  // namespace voidbox

#ifndef VOIDBOX_AGENT_NET_IP_RANGE_H_
#define VOIDBOX_AGENT_NET_IP_RANGE_H_

#include <sys/socket.h>

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace voidbox {

// An IPv4 or IPv6 address in network byte order: 4 or 16 bytes, so that addresses of one family
// compare as they are numbered.
struct IpAddress {
  std::string bytes;

  bool is_v4() const { return bytes.size() == 4; }
  int family() const { return is_v4() ? AF_INET : AF_INET6; }
  int bits() const { return static_cast<int>(bytes.size()) * 8; }
  bool operator==(const IpAddress&) const = default;
};

// INVALID_ARGUMENT for what inet_pton(3) does not take: no names, no zones, no short forms.
absl::StatusOr<IpAddress> ParseIpAddress(absl::string_view text);
std::string ToString(const IpAddress& address);

// All addresses from `first` to `last`, of one family and both included.
struct IpRange {
  IpAddress first;
  IpAddress last;
  bool operator==(const IpRange&) const = default;
};

// The addresses that share their first `prefix` bits with `address`; 0 <= prefix <= bits().
IpRange RangeOf(const IpAddress& address, int prefix);

// "192.0.2.1", "10.0.0.0/8", "2001:db8::/32". INVALID_ARGUMENT also when bits behind the prefix are
// set, which is more often a mistake than meant.
absl::StatusOr<IpRange> ParseIpRange(absl::string_view text);

// The same addresses in ranges that neither overlap nor touch, in order. All of one family.
std::vector<IpRange> Merge(std::vector<IpRange> ranges);

// The address after it; empty bytes after the last one of the family.
IpAddress Next(const IpAddress& address);

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_NET_IP_RANGE_H_

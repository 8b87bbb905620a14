#include "agent/net/ip_range.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

// In an error, so that a hostile text does not fill it.
std::string Quoted(absl::string_view text) {
  return absl::StrCat("\"", text.substr(0, INET6_ADDRSTRLEN + 4), "\"");
}

}  // namespace

absl::StatusOr<IpAddress> ParseIpAddress(absl::string_view text) {
  const bool v6 = text.find(':') != absl::string_view::npos;
  std::array<char, sizeof(in6_addr)> bytes;
  // A NUL would end the text for inet_pton, and what follows it would go unseen.
  if (text.find('\0') != absl::string_view::npos ||
      ::inet_pton(v6 ? AF_INET6 : AF_INET, std::string(text).c_str(), bytes.data()) != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("address ", Quoted(text), " is neither an IPv4 nor an IPv6 address"));
  }
  return IpAddress{.bytes = std::string(bytes.data(), v6 ? sizeof(in6_addr) : sizeof(in_addr))};
}

std::string ToString(const IpAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text = {};
  ::inet_ntop(address.family(), address.bytes.data(), text.data(), text.size());
  return text.data();
}

IpRange RangeOf(const IpAddress& address, int prefix) {
  IpRange range = {.first = address, .last = address};
  for (int bit = prefix; bit < address.bits(); ++bit) {
    const auto mask = static_cast<unsigned char>(0x80 >> (bit % 8));
    range.first.bytes[bit / 8] = static_cast<char>(range.first.bytes[bit / 8] & ~mask);
    range.last.bytes[bit / 8] = static_cast<char>(range.last.bytes[bit / 8] | mask);
  }
  return range;
}

absl::StatusOr<IpRange> ParseIpRange(absl::string_view text) {
  const size_t slash = text.find('/');
  ASSIGN_OR_RETURN(const IpAddress address, ParseIpAddress(text.substr(0, slash)));
  if (slash == absl::string_view::npos) return RangeOf(address, address.bits());
  const absl::string_view digits = text.substr(slash + 1);
  int prefix = -1;
  const bool number = digits.size() <= 3 && absl::SimpleAtoi(digits, &prefix);
  if (!number || prefix < 0 || prefix > address.bits() || digits[0] < '0' || digits[0] > '9') {
    return absl::InvalidArgumentError(absl::StrCat(
        "address ", Quoted(text), ": the prefix is not a number from 0 to ", address.bits()));
  }
  IpRange range = RangeOf(address, prefix);
  if (range.first != address) {
    return absl::InvalidArgumentError(absl::StrCat("address ", Quoted(text),
                                                   " has bits behind its prefix; the network is ",
                                                   ToString(range.first), "/", prefix));
  }
  return range;
}

std::vector<IpRange> Merge(std::vector<IpRange> ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const IpRange& a, const IpRange& b) { return a.first.bytes < b.first.bytes; });
  std::vector<IpRange> merged;
  for (IpRange& range : ranges) {
    if (!merged.empty()) {
      IpAddress& last = merged.back().last;
      const IpAddress next = Next(last);
      if (next.bytes.empty() || range.first.bytes <= next.bytes) {
        last.bytes = std::max(last.bytes, range.last.bytes);
        continue;
      }
    }
    merged.push_back(std::move(range));
  }
  return merged;
}

IpAddress Next(const IpAddress& address) {
  IpAddress next = address;
  for (size_t i = next.bytes.size(); i-- > 0;) {
    next.bytes[i] = static_cast<char>(static_cast<unsigned char>(next.bytes[i]) + 1);
    if (next.bytes[i] != 0) return next;
  }
  return {};
}

}  // namespace voidbox

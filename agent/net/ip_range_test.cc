#include "agent/net/ip_range.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"

namespace voidbox {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string Text(const IpRange& range) {
  return absl::StrCat(ToString(range.first), "-", ToString(range.last));
}
std::string Parsed(absl::string_view text) {
  const auto range = ParseIpRange(text);
  return range.ok() ? Text(*range) : std::string(range.status().message());
}
std::vector<std::string> Merged(const std::vector<std::string>& texts) {
  std::vector<IpRange> ranges;
  for (const std::string& text : texts) ranges.push_back(ParseIpRange(text).value());
  std::vector<std::string> merged;
  for (const IpRange& range : Merge(ranges)) merged.push_back(Text(range));
  return merged;
}

TEST(IpRangeTest, ReadsAddressesAndNetworksOfBothFamilies) {
  EXPECT_EQ(Parsed("192.0.2.1"), "192.0.2.1-192.0.2.1");
  EXPECT_EQ(Parsed("10.0.0.0/8"), "10.0.0.0-10.255.255.255");
  EXPECT_EQ(Parsed("172.16.0.0/12"), "172.16.0.0-172.31.255.255");
  EXPECT_EQ(Parsed("0.0.0.0/0"), "0.0.0.0-255.255.255.255");
  EXPECT_EQ(Parsed("1.2.3.4/32"), "1.2.3.4-1.2.3.4");
  EXPECT_EQ(Parsed("::1"), "::1-::1");
  EXPECT_EQ(Parsed("2001:db8::/33"), "2001:db8::-2001:db8:7fff:ffff:ffff:ffff:ffff:ffff");
  EXPECT_EQ(Parsed("::/0"), "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
}

TEST(IpRangeTest, RefusesWhatIsNoAddress) {
  for (const absl::string_view text :
       {"", "/", "/8", "1.2.3", "1.2.3.256", "01.2.3.4", "0x7f.0.0.1", " 1.2.3.4", "1.2.3.4 ",
        "example.com", "fe80::1%eth0", "::1::", "[::1]", "1.2.3.4:80"}) {
    EXPECT_THAT(ParseIpRange(text), StatusIs(absl::StatusCode::kInvalidArgument,
                                             HasSubstr("neither an IPv4 nor an IPv6 address")))
        << text;
  }
  EXPECT_THAT(ParseIpRange(absl::string_view("1.2.3.4\0/0", 10)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("neither")));
}

TEST(IpRangeTest, RefusesABadPrefix) {
  for (const absl::string_view text :
       {"1.2.3.4/", "1.2.3.4/33", "1.2.3.4/-1", "1.2.3.4/+8", "1.2.3.4/ 8", "1.2.3.4/8/8",
        "1.2.3.4/0x8", "1.2.3.4/99999999999"}) {
    EXPECT_THAT(ParseIpRange(text), StatusIs(absl::StatusCode::kInvalidArgument,
                                             HasSubstr("not a number from 0 to 32")))
        << text;
  }
  EXPECT_THAT(Parsed("::/129"), HasSubstr("not a number from 0 to 128"));
}

TEST(IpRangeTest, RefusesBitsBehindThePrefix) {
  EXPECT_EQ(Parsed("10.1.2.3/8"),
            "address \"10.1.2.3/8\" has bits behind its prefix; the network is 10.0.0.0/8");
}

TEST(IpRangeTest, AnErrorQuotesOnlySoMuch) {
  EXPECT_LT(Parsed(std::string(100'000, 'a')).size(), 200u);
}

TEST(IpRangeTest, MergesWhatOverlapsOrTouches) {
  EXPECT_THAT(Merged({"10.0.0.0/8", "10.1.0.0/16", "10.0.0.0/8"}),
              ElementsAre("10.0.0.0-10.255.255.255"));
  EXPECT_THAT(Merged({"1.2.3.5", "1.2.3.4", "9.9.9.9"}),
              ElementsAre("1.2.3.4-1.2.3.5", "9.9.9.9-9.9.9.9"));
  EXPECT_THAT(Merged({"0.0.0.0/0", "255.255.255.255"}), ElementsAre("0.0.0.0-255.255.255.255"));
  EXPECT_THAT(Merged({}), IsEmpty());
}

TEST(IpRangeTest, TheLastAddressHasNoNext) {
  EXPECT_EQ(ToString(Next(*ParseIpAddress("1.2.3.255"))), "1.2.4.0");
  EXPECT_THAT(Next(*ParseIpAddress("255.255.255.255")).bytes, IsEmpty());
}

}  // namespace
}  // namespace voidbox

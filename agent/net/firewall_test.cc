#include "agent/net/firewall.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/net/testing_network.h"
#include "base/status_matchers.h"

namespace voidbox {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

constexpr char kRefused[] = "ECONNREFUSED";
constexpr char kForbidden[] = "EPERM";

agent::FirewallRequest Request(const std::vector<std::string>& allowed,
                               bool outbound_internet = false) {
  agent::FirewallRequest request;
  for (const std::string& entry : allowed) request.add_allowed(entry);
  request.set_outbound_internet(outbound_internet);
  return request;
}

class FirewallTest : public NetworkTest {
 protected:
  void SetUp() override {
    NetworkTest::SetUp();
    Own({"10.1.1.1/32", "10.2.2.2/32", "8.8.4.4/32", "fd00::1/128", "fd01::1/128", "2600::1/128"});
  }
  static void Apply(const std::vector<std::string>& allowed, bool outbound_internet = false) {
    const auto policy = ParseFirewallRequest(Request(allowed, outbound_internet));
    ASSERT_THAT(policy, IsOk());
    ASSERT_THAT(ApplyFirewall(*policy), IsOk());
  }
};

TEST_F(FirewallTest, WithoutAPolicyAllIsReached) {
  for (const char* address : {"127.0.0.1", "10.1.1.1", "8.8.4.4", "::1", "fd00::1", "2600::1"}) {
    EXPECT_EQ(Connect(address), "connected") << address;
    EXPECT_EQ(SendDatagram(address), "sent") << address;
  }
}

TEST_F(FirewallTest, ByDefaultOnlyLoopbackAddressesAreReached) {
  Apply({});
  for (const char* address : {"127.0.0.1", "127.9.9.9", "::1"}) {
    EXPECT_EQ(Connect(address), "connected") << address;
    EXPECT_EQ(SendDatagram(address), "sent") << address;
  }
  // Though they are on the loopback interface too.
  for (const char* address : {"10.1.1.1", "8.8.4.4", "fd00::1", "2600::1"}) {
    EXPECT_EQ(Connect(address), kRefused) << address;
    EXPECT_EQ(SendDatagram(address), kForbidden) << address;
  }
}

TEST_F(FirewallTest, AllowedAddressesOfBothFamiliesAreReachedAndNoOthers) {
  Apply({"10.1.1.1", "fd00::/16"});
  for (const char* address : {"10.1.1.1", "fd00::1", "127.0.0.1", "::1"}) {
    EXPECT_EQ(Connect(address), "connected") << address;
    EXPECT_EQ(SendDatagram(address), "sent") << address;
  }
  for (const char* address : {"10.2.2.2", "8.8.4.4", "fd01::1", "2600::1"}) {
    EXPECT_EQ(Connect(address), kRefused) << address;
    EXPECT_EQ(SendDatagram(address), kForbidden) << address;
  }
}

TEST_F(FirewallTest, APolicyReplacesTheOneBefore) {
  Apply({"10.1.1.1"});
  Apply({"10.2.2.2"});
  EXPECT_EQ(Connect("10.1.1.1"), kRefused);
  EXPECT_EQ(Connect("10.2.2.2"), "connected");
  Apply({});
  EXPECT_EQ(Connect("10.2.2.2"), kRefused);
}

TEST_F(FirewallTest, TheInternetHasNoPrivateAddresses) {
  Apply({}, /*outbound_internet=*/true);
  for (const char* address : {"8.8.4.4", "2600::1", "127.0.0.1"}) {
    EXPECT_EQ(Connect(address), "connected") << address;
  }
  for (const char* address : {"10.1.1.1", "fd00::1"}) {
    EXPECT_EQ(Connect(address), kRefused) << address;
  }
  Apply({"10.1.1.1"}, /*outbound_internet=*/true);
  EXPECT_EQ(Connect("10.1.1.1"), "connected");
}

TEST_F(FirewallTest, AnIpv4AddressInAnIpv6SocketIsAnIpv4Address) {
  Apply({"::/0"});
  EXPECT_EQ(SendDatagram("::ffff:10.1.1.1"), kForbidden);
  Apply({"10.1.1.1"});
  EXPECT_EQ(SendDatagram("::ffff:10.1.1.1"), "sent");
}

TEST_F(FirewallTest, TheEdgesOfNetworksAreExact) {
  Own({"10.0.255.255/32", "10.1.0.0/32", "10.1.255.255/32", "10.2.0.0/32"});
  Apply({"10.1.0.0/16"});
  EXPECT_EQ(SendDatagram("10.0.255.255"), kForbidden);
  EXPECT_EQ(SendDatagram("10.1.0.0"), "sent");
  EXPECT_EQ(SendDatagram("10.1.255.255"), "sent");
  EXPECT_EQ(SendDatagram("10.2.0.0"), kForbidden);
}

TEST_F(FirewallTest, EverythingMayBeAllowed) {
  Apply({"0.0.0.0/0", "::/0"});
  for (const char* address : {"10.1.1.1", "8.8.4.4", "fd00::1", "2600::1"}) {
    EXPECT_EQ(Connect(address), "connected") << address;
  }
}

TEST_F(FirewallTest, ManyEntriesAreAllowed) {
  std::vector<std::string> allowed;
  for (int i = 0; i < kMaxFirewallEntries / 2 - 1; ++i) {
    allowed.push_back(absl::StrCat("11.", i / 100, ".", 2 * (i % 100), ".0/24"));
    allowed.push_back(absl::StrCat("fd05:", absl::Hex(2 * i), "::/32"));
  }
  allowed.emplace_back("10.1.1.1");
  allowed.emplace_back("fd00::1");
  Apply(allowed);
  EXPECT_EQ(Connect("10.1.1.1"), "connected");
  EXPECT_EQ(Connect("fd00::1"), "connected");
  EXPECT_EQ(Connect("10.2.2.2"), kRefused);
  EXPECT_EQ(Connect("fd01::1"), kRefused);
}

TEST(FirewallRequestTest, NamesTheBadEntry) {
  EXPECT_THAT(ParseFirewallRequest(Request({"10.0.0.0/8", "example.com"})),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("allowed entry 2: address \"example.com\"")));
  EXPECT_THAT(
      ParseFirewallRequest(Request(std::vector<std::string>(kMaxFirewallEntries + 1, "1.1.1.1"))),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("more than the limit of 4096")));
}

TEST(FirewallRequestTest, TheInternetIsEverythingBetweenTheReservedNetworks) {
  EXPECT_THAT(NotInternetV4(), Contains(*ParseIpRange("169.254.0.0/16")));
  EXPECT_THAT(NotInternetV4(), Not(Contains(*ParseIpRange("8.0.0.0/8"))));
  // ::/3, three networks inside 2000::/3, and all above it in one piece; 2001::/23 and 2001:db8::
  // and 3fff:: and 2002:: are apart.
  EXPECT_THAT(NotInternetV6(), SizeIs(6));
}

}  // namespace
}  // namespace voidbox

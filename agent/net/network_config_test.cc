#include "agent/net/network_config.h"

#include <net/if.h>

#include <string>
#include <vector>

#include "agent/net/testing_network.h"
#include "base/io.h"
#include "base/status_matchers.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

agent::NetworkRequest Request() {
  agent::NetworkRequest request;
  request.set_interface("eth0");
  request.add_addresses("10.0.2.15/24");
  request.add_addresses("fd00::2/64");
  request.add_gateways("10.0.2.1");
  request.add_gateways("fd00::1");
  request.add_name_servers("10.0.2.3");
  request.add_name_servers("fd00::3");
  request.set_mtu(1400);
  request.set_mac(std::string("\x02\0\0\0\0\x07", 6));
  return request;
}

class NetworkConfigTest : public NetworkTest {
 protected:
  void SetUp() override {
    NetworkTest::SetUp();
    MakeInterface("eth0");
  }
  static absl::Status Apply(const agent::NetworkRequest& request) {
    const auto config = ParseNetworkRequest(request);
    return config.ok() ? ApplyNetworkConfig(*config, ResolvConf()) : config.status();
  }
  static std::string ResolvConf() { return ::testing::TempDir() + "/resolv.conf"; }
  static std::string Proc(const std::string& name) {
    return ReadFile("/proc/thread-self/net/" + name).value_or("");
  }
};

TEST_F(NetworkConfigTest, ConfiguresBothFamilies) {
  ASSERT_THAT(Apply(Request()), IsOk());
  EXPECT_THAT(Proc("fib_trie"), HasSubstr("10.0.2.15"));
  EXPECT_THAT(Proc("if_inet6"), HasSubstr("fd000000000000000000000000000002 "));
  // Address and gateway as the machine's words, in hexadecimal.
  EXPECT_THAT(Proc("route"), HasSubstr("eth0\t00000000\t0102000A\t"));
  EXPECT_THAT(Proc("ipv6_route"),
              HasSubstr("00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
                        "fd000000000000000000000000000001 "));
  EXPECT_EQ(ReadFile(ResolvConf()).value_or(""), "nameserver 10.0.2.3\nnameserver fd00::3\n");
}

TEST_F(NetworkConfigTest, WhatWasBeforeIsGone) {
  ASSERT_THAT(Apply(Request()), IsOk());
  agent::NetworkRequest other;
  other.add_addresses("192.168.7.2/24");
  ASSERT_THAT(Apply(other), IsOk());  // eth0 by default
  EXPECT_THAT(Proc("fib_trie"), Not(HasSubstr("10.0.2.15")));
  EXPECT_THAT(Proc("fib_trie"), HasSubstr("192.168.7.2"));
  EXPECT_THAT(Proc("if_inet6"), Not(HasSubstr("fd0000000000")));
  EXPECT_THAT(Proc("route"), Not(HasSubstr("eth0\t00000000\t")));
  // Name servers were not given.
  EXPECT_EQ(ReadFile(ResolvConf()).value_or(""), "nameserver 10.0.2.3\nnameserver fd00::3\n");
}

TEST_F(NetworkConfigTest, TheSameAgainChangesNothing) {
  ASSERT_THAT(Apply(Request()), IsOk());
  const std::string routes = Proc("route") + Proc("if_inet6");
  ASSERT_THAT(Apply(Request()), IsOk());
  EXPECT_EQ(Proc("route") + Proc("if_inet6"), routes);
}

TEST_F(NetworkConfigTest, SecondaryAddressesGoWithTheFirst) {
  agent::NetworkRequest two;
  two.add_addresses("10.0.2.15/24");
  two.add_addresses("10.0.2.16/24");
  ASSERT_THAT(Apply(two), IsOk());
  ASSERT_THAT(Apply(Request()), IsOk());
  agent::NetworkRequest none;
  ASSERT_THAT(Apply(two), IsOk());
  ASSERT_THAT(Apply(none), IsOk());
  EXPECT_THAT(Proc("fib_trie"), Not(HasSubstr("10.0.2.")));
}

TEST_F(NetworkConfigTest, AnInterfaceThatIsNotThereIsNotFound) {
  agent::NetworkRequest request = Request();
  request.set_interface("eth7");
  EXPECT_THAT(Apply(request), StatusIs(absl::StatusCode::kNotFound,
                                       HasSubstr("interface eth7: there is none in this guest")));
}

TEST_F(NetworkConfigTest, AnErrorOfTheKernelNamesTheStep) {
  agent::NetworkRequest request;
  request.add_gateways("10.9.9.1");  // nobody's neighbour
  EXPECT_THAT(Apply(request).ToString(), HasSubstr("default route by gateway 10.9.9.1"));
}

TEST(NetworkRequestTest, RefusesWhatIsOutOfBounds) {
  const auto refused = [](const auto& change, const char* message) {
    agent::NetworkRequest request = Request();
    change(request);
    EXPECT_THAT(ParseNetworkRequest(request),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message)));
  };
  using Request = agent::NetworkRequest;
  refused([](Request& r) { r.set_interface("sixteen-letters-"); }, "interface: not a name");
  refused([](Request& r) { r.set_interface("../eth0"); }, "interface: not a name");
  refused([](Request& r) { r.add_addresses("10.0.0.1"); }, "not followed by a prefix length");
  refused([](Request& r) { r.add_addresses("10.0.0.1/33"); }, "not followed by a prefix length");
  refused([](Request& r) { r.add_addresses("10.0.0.1/0"); }, "not followed by a prefix length");
  refused([](Request& r) { r.add_addresses("nonsense/8"); }, "neither an IPv4 nor an IPv6");
  refused([](Request& r) { r.add_gateways("10.0.2.9"); }, "gateways: two of one family");
  refused([](Request& r) { r.add_name_servers("dns.example"); }, "neither an IPv4 nor an IPv6");
  refused(
      [](Request& r) {
        r.add_name_servers("1.1.1.1");
        r.add_name_servers("1.1.1.2");
      },
      "name servers: 4 are more than the limit of 3");
  refused([](Request& r) { r.set_mtu(575); }, "mtu: 575 is not from 576 to 65535");
  refused([](Request& r) { r.set_mtu(65536); }, "mtu: 65536");
  refused([](Request& r) { r.set_mac("12345"); }, "mac: not the six bytes");
  refused(
      [](Request& r) {
        r.set_mac(
            "\x01"
            "23456");
      },
      "mac: not the six bytes");
}

}  // namespace
}  // namespace voidbox

#include "agent/http/endpoints.h"

#include <string>

#include "agent/http/testing_http.h"

namespace voidbox {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;

using EndpointsTest = HttpTest;

TEST_F(EndpointsTest, MetricsAreJson) {
  const json metrics = Ask("GET /metrics HTTP/1.1\r\n\r\n").Json();
  EXPECT_EQ(metrics["cpu"]["count"], 3);
  EXPECT_EQ(metrics["load"].size(), 3u);
  for (const char* part : {"memory", "disk", "workspace", "network", "agent"}) {
    EXPECT_TRUE(metrics[part].is_object()) << part;
  }
}

TEST_F(EndpointsTest, SettingsAskForWhatTheBodySays) {
  EXPECT_EQ(Ask(Post("/firewall/allowlist",
                     R"({"allowIps":["10.0.0.0/8","::1"],"outboundInternet":true})"))
                .Json(),
            json::object());
  EXPECT_EQ(Ask(Post("/net/config", R"({"interface":"eth1","addresses":["10.0.0.2/24"],
      "gateways":["10.0.0.1"],"nameServers":["1.1.1.1"],"mtu":1400,"mac":"02:00:00:00:00:0a"})"))
                .status,
            200);
  EXPECT_EQ(Ask(Post("/time/sync", R"({"unixMs":1790000000000})")).status, 200);
  ASSERT_EQ(agent_.answered.size(), 3u);
  const agent::FirewallRequest& firewall = agent_.answered[0].firewall();
  EXPECT_THAT(firewall.allowed(), ElementsAre("10.0.0.0/8", "::1"));
  EXPECT_TRUE(firewall.outbound_internet());
  const agent::NetworkRequest& network = agent_.answered[1].network();
  EXPECT_EQ(network.interface(), "eth1");
  EXPECT_THAT(network.addresses(), ElementsAre("10.0.0.2/24"));
  EXPECT_THAT(network.gateways(), ElementsAre("10.0.0.1"));
  EXPECT_THAT(network.name_servers(), ElementsAre("1.1.1.1"));
  EXPECT_EQ(network.mtu(), 1400u);
  EXPECT_EQ(network.mac(), std::string("\x02\0\0\0\0\x0a", 6));
  EXPECT_EQ(agent_.answered[2].time_sync().realtime_ns(), 1'790'000'000'000'000'000);
}

TEST_F(EndpointsTest, SettingsRefuseBadFields) {
  EXPECT_EQ(Ask(Post("/firewall/allowlist", R"({"allowIps":"10.0.0.1"})")).status, 400);
  EXPECT_EQ(Ask(Post("/firewall/allowlist", R"({"outboundInternet":"yes"})")).status, 400);
  EXPECT_EQ(Ask(Post("/net/config", R"({"mac":"02:00"})")).status,
            200);  // the agent counts its bytes
  EXPECT_EQ(Ask(Post("/net/config", R"({"mac":"0g:00:00:00:00:00"})")).status, 400);
  EXPECT_EQ(Ask(Post("/time/sync", "{}")).status, 400);
  EXPECT_EQ(Ask(Post("/time/sync", R"({"unixMs":9223372036854775807})")).status, 400);
}

}  // namespace
}  // namespace voidbox

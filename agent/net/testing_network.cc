#include "agent/net/testing_network.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "agent/net/ip_range.h"
#include "agent/net/netlink.h"
#include "agent/net/network_config.h"
#include "base/loopback.h"
#include "base/status_matchers.h"

namespace voidbox {
namespace {

constexpr uint16_t kDiscardPort = 9;

// A socket address of either family.
struct Endpoint {
  explicit Endpoint(absl::string_view text, uint16_t port = kDiscardPort) {
    const IpAddress address = ParseIpAddress(text).value();
    storage.ss_family = static_cast<sa_family_t>(address.family());
    if (address.is_v4()) {
      auto* const v4 = reinterpret_cast<sockaddr_in*>(&storage);
      v4->sin_port = htons(port);
      std::memcpy(&v4->sin_addr, address.bytes.data(), address.bytes.size());
      size = sizeof(sockaddr_in);
    } else {
      auto* const v6 = reinterpret_cast<sockaddr_in6*>(&storage);
      v6->sin6_port = htons(port);
      std::memcpy(&v6->sin6_addr, address.bytes.data(), address.bytes.size());
      size = sizeof(sockaddr_in6);
    }
  }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }

  sockaddr_storage storage = {};
  socklen_t size;
};

}  // namespace

void NetworkTest::SetUp() {
  ASSERT_EQ(::unshare(CLONE_NEWNET), 0) << ::strerrorname_np(errno) << ": this test needs root";
  ASSERT_THAT(BringUpLoopback(), IsOk());
}

void NetworkTest::Own(const std::vector<std::string>& addresses) {
  NetworkConfig config = {.interface = "lo"};
  config.addresses = {{*ParseIpAddress("127.0.0.1"), 8}, {*ParseIpAddress("::1"), 128}};
  agent::NetworkRequest request;
  for (const std::string& address : addresses) request.add_addresses(address);
  const auto more = ParseNetworkRequest(request);
  ASSERT_THAT(more, IsOk());
  config.addresses.insert(config.addresses.end(), more->addresses.begin(), more->addresses.end());
  ASSERT_THAT(ApplyNetworkConfig(config, /*resolv_conf=*/""), IsOk());
  // A worker of the kernel makes IPv6 addresses and the routes to them usable (addrconf_dad_work).
  // There may be a route before the address is, and packets to it are dropped; nobody can bind to
  // it then.
  for (const NetworkConfig::Address& address : more->addresses) {
    const Endpoint peer(ToString(address.address));
    const Endpoint own(ToString(address.address), 0);
    const absl::Time deadline = absl::Now() + absl::Seconds(30);
    for (bool usable = false; !usable;) {
      const UniqueFd socket(::socket(peer.storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
      usable = ::bind(socket.get(), own.get(), own.size) == 0 &&
               ::connect(socket.get(), peer.get(), peer.size) == 0;
      ASSERT_LT(absl::Now(), deadline) << ToString(address.address);
      ::sched_yield();
    }
  }
}

void NetworkTest::MakeInterface(const std::string& name) {
  auto socket = NetlinkSocket::Open(NETLINK_ROUTE);
  ASSERT_THAT(socket, IsOk());
  NetlinkBatch batch;
  batch.Begin("interface", RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK);
  batch.Header(ifinfomsg{});
  batch.Text(IFLA_IFNAME, name);
  {
    NetlinkBatch::Nest info(batch, IFLA_LINKINFO);
    batch.Text(IFLA_INFO_KIND, "veth");
  }
  ASSERT_THAT(socket->Commit(batch), IsOk());
}

std::string NetworkTest::Connect(absl::string_view address) {
  const Endpoint any(ParseIpAddress(address)->is_v4() ? "0.0.0.0" : "::");
  const Endpoint peer(address);
  const UniqueFd listener(::socket(any.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::bind(listener.get(), any.get(), any.size), 0) << ::strerrorname_np(errno);
  EXPECT_EQ(::listen(listener.get(), 1), 0);
  const UniqueFd socket(::socket(any.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(socket.get(), peer.get(), peer.size) == 0) return "connected";
  return ::strerrorname_np(errno);
}

std::string NetworkTest::SendDatagram(absl::string_view address) {
  const Endpoint peer(address);
  const UniqueFd socket(::socket(peer.storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (::sendto(socket.get(), "x", 1, 0, peer.get(), peer.size) == 1) return "sent";
  return ::strerrorname_np(errno);
}

}  // namespace voidbox

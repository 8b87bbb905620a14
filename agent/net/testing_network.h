#ifndef VOIDBOX_AGENT_NET_TESTING_NETWORK_H_
#define VOIDBOX_AGENT_NET_TESTING_NETWORK_H_

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/unique_fd.h"

namespace voidbox {

// A network namespace for each test, with `lo` up, which a process of root may have. Its loopback
// interface bears what addresses the test wants, so that packets to them leave and arrive here.
class NetworkTest : public ::testing::Test {
 protected:
  void SetUp() override;
  // Gives addresses with prefix lengths to `lo`.
  static void Own(const std::vector<std::string>& addresses);
  // Makes an interface, whose other end nobody listens at.
  static void MakeInterface(const std::string& name);

  // What a new TCP connection to a listener at this address of ours comes to: "connected", or the
  // name of an errno.
  static std::string Connect(absl::string_view address);
  // The same for a datagram: "sent", or the name of an errno.
  static std::string SendDatagram(absl::string_view address);
};

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_NET_TESTING_NETWORK_H_

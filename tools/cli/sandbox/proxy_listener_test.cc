#include "tools/cli/sandbox/proxy_listener.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "base/status_matchers.h"
#include "base/unix_socket.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;

TEST(ProxyListenerTest, AUnixSocketGoesWithItsListener) {
  const std::string folder = ::testing::TempDir();
  const std::string path = folder + "/proxy_listener_test.sock";
  ::unlink(path.c_str());
  // The path is longer than a socket's address may be.
  const UniqueFd directory(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  {
    auto listener = ProxyListener::Open("unix:" + path);
    ASSERT_THAT(listener, IsOk());
    const UniqueFd socket = listener->TakeSocket();
    EXPECT_FALSE(*AcceptUnix(socket.get()));
    const auto client = ConnectUnix(directory.get(), "proxy_listener_test.sock");
    ASSERT_THAT(client, IsOk());
    EXPECT_TRUE(*AcceptUnix(socket.get()));
    EXPECT_THAT(ProxyListener::Open("unix:" + path).status().message(), HasSubstr("already"));
    EXPECT_TRUE(std::filesystem::exists(path));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(ProxyListenerTest, APathInAWorkingDirectoryThatIsGoneIsAnError) {
  const UniqueFd before(::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  const std::string gone = ::testing::TempDir() + "/proxy_listener_gone";
  ASSERT_TRUE(std::filesystem::create_directory(gone));
  ASSERT_EQ(::chdir(gone.c_str()), 0);
  ASSERT_TRUE(std::filesystem::remove(gone));
  const auto listener = ProxyListener::Open("unix:relative.sock");
  ASSERT_EQ(::fchdir(before.get()), 0);
  EXPECT_THAT(listener.status(), StatusIs(absl::StatusCode::kNotFound, HasSubstr("relative.sock")));
}

TEST(ProxyListenerTest, ATcpSocketSaysItsPort) {
  const auto listener = ProxyListener::Open("tcp:127.0.0.1:0");
  ASSERT_THAT(listener, IsOk());
  ASSERT_TRUE(absl::StartsWith(listener->address(), "tcp:127.0.0.1:"));
  uint32_t port = 0;
  ASSERT_TRUE(absl::SimpleAtoi(listener->address().substr(14), &port));
  EXPECT_NE(port, 0u);
}

TEST(ProxyListenerTest, OtherAddressesAreRefused) {
  for (const char* address : {"", "unix:", "tcp:", "tcp:127.0.0.1", "tcp:127.0.0.1:65536",
                              "tcp:localhost:80", "udp:127.0.0.1:1", "tcp:127.0.0.1:x"}) {
    EXPECT_THAT(ProxyListener::Open(address).status(),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("unix:PATH")))
        << address;
  }
  EXPECT_THAT(ProxyListener::Open("tcp:0.0.0.0:0").status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("loopback")));
}

}  // namespace
}  // namespace voidbox

#include "base/unix_socket.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "base/io.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

using ::testing::_;
using ::testing::HasSubstr;

class UnixSocketTest : public ::testing::Test {
 protected:
  void SetUp() override {
    // Longer than a socket address can hold.
    path_ = ::testing::TempDir() + "/unix_socket_test_" + std::string(120, 'd');
    ::mkdir(path_.c_str(), 0700);
    directory_.Reset(::open(path_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    ASSERT_TRUE(directory_);
  }
  void TearDown() override {
    ::unlinkat(directory_.get(), "a.sock", 0);
    ::rmdir(path_.c_str());
  }
  std::string path_;
  UniqueFd directory_;
};

TEST_F(UnixSocketTest, CarriesBytesInADirectoryWithALongPath) {
  auto listener = ListenUnix(directory_.get(), "a.sock");
  ASSERT_THAT(listener, IsOk());
  auto client = ConnectUnix(directory_.get(), "a.sock");
  ASSERT_THAT(client, IsOk());
  auto server = AcceptUnix(listener->get());
  ASSERT_THAT(server, IsOk());
  ASSERT_THAT(WriteAll(client->get(), "hi"), IsOk());
  char bytes[2];
  ASSERT_EQ(::read(server->get(), bytes, 2), 2);
  EXPECT_EQ(std::string(bytes, 2), "hi");
}

TEST_F(UnixSocketTest, AcceptGivesNothingWhenNobodyWaits) {
  auto listener = ListenUnix(directory_.get(), "a.sock");
  ASSERT_THAT(listener, IsOk());
  auto server = AcceptUnix(listener->get());
  ASSERT_THAT(server, IsOk());
  EXPECT_FALSE(*server);
}

TEST_F(UnixSocketTest, ConnectTellsNoFileFromNobodyListening) {
  EXPECT_THAT(ConnectUnix(directory_.get(), "a.sock"), StatusIs(absl::StatusCode::kNotFound, _));
  { ASSERT_THAT(ListenUnix(directory_.get(), "a.sock"), IsOk()); }
  EXPECT_THAT(ConnectUnix(directory_.get(), "a.sock"), StatusIs(absl::StatusCode::kUnavailable, _));
}

TEST_F(UnixSocketTest, RefusesANameThatDoesNotFit) {
  EXPECT_THAT(ListenUnix(directory_.get(), std::string(100, 'n')),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("longer than")));
}

TEST_F(UnixSocketTest, ConnectNowDoesNotWaitForTheBacklog) {
  auto listener = ListenUnix(directory_.get(), "a.sock", /*backlog=*/0);
  ASSERT_THAT(listener, IsOk());
  auto first = ConnectUnixNow(directory_.get(), "a.sock");
  ASSERT_THAT(first, IsOk());
  EXPECT_THAT(ConnectUnixNow(directory_.get(), "a.sock"),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("backlog is full")));
}

TEST_F(UnixSocketTest, WorksInTheWorkingDirectory) {
  ASSERT_EQ(::fchdir(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)), 0);
  auto listener = ListenUnix(AT_FDCWD, "a.sock");
  ASSERT_THAT(listener, IsOk());
  EXPECT_THAT(ConnectUnixNow(AT_FDCWD, "a.sock"), IsOk());
  EXPECT_THAT(ConnectUnixNow(AT_FDCWD, "b.sock"), StatusIs(absl::StatusCode::kNotFound, _));
}

}  // namespace
}  // namespace voidbox

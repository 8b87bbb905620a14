#include "agent/hosts_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/io.h"
#include "base/status_matchers.h"

namespace voidbox {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr char kBoth[] = "127.0.0.1\tlocalhost\n::1\tlocalhost\n127.0.1.1\tvoidbox\n";

TEST(HostsFileTest, AddsWhatIsMissing) {
  EXPECT_EQ(MissingHosts("", "voidbox"), kBoth);
  EXPECT_EQ(MissingHosts("", ""), "127.0.0.1\tlocalhost\n::1\tlocalhost\n");
  EXPECT_EQ(MissingHosts("127.0.0.1 LocalHost", "voidbox"), "127.0.1.1\tvoidbox\n");
  EXPECT_EQ(MissingHosts("127.0.0.1\tlocalhost voidbox\r\n", "voidbox"), "");
  EXPECT_EQ(MissingHosts("::1 localhost", "localhost"), "");
}

TEST(HostsFileTest, CommentsAddressesAndPartsOfNamesAreNoNames) {
  EXPECT_EQ(MissingHosts("# 127.0.0.1 localhost voidbox\n", "voidbox"), kBoth);
  EXPECT_EQ(MissingHosts("127.0.0.1 x # localhost voidbox\n", "voidbox"), kBoth);
  EXPECT_EQ(MissingHosts("localhost\n voidbox\n", "voidbox"), kBoth);
  EXPECT_EQ(MissingHosts("1.2.3.4 localhost.example voidbox2\n", "voidbox"), kBoth);
  EXPECT_EQ(MissingHosts(std::string("\0\n\xff \xff", 5), "voidbox"), kBoth);
}

TEST(HostsFileTest, FindsTheAddressesOfANameInTheirOrder) {
  constexpr char kHosts[] = "10.0.0.1 db DB2 # db3\n::1\tdb\nnonsense db\n";
  EXPECT_THAT(AddressesOf(kHosts, "Db"), ElementsAre("10.0.0.1", "::1", "nonsense"));
  EXPECT_THAT(AddressesOf(kHosts, "db2"), ElementsAre("10.0.0.1"));
  EXPECT_THAT(AddressesOf(kHosts, "db3"), IsEmpty());
  EXPECT_THAT(AddressesOf(kHosts, "10.0.0.1"), IsEmpty());
}

class HostsOfAnImageTest : public ::testing::Test {
 protected:
  HostsOfAnImageTest() : etc_(absl::StrCat(::testing::TempDir(), "/etc-", ::getpid())) {}
  ~HostsOfAnImageTest() override { std::filesystem::remove_all(etc_); }
  std::string hosts() const { return etc_ + "/hosts"; }
  std::string Contents() const { return ReadFile(hosts()).value_or("unreadable"); }
  const std::string etc_;
};

TEST_F(HostsOfAnImageTest, IsMadeWithItsDirectory) {
  EXPECT_THAT(CompleteHosts(hosts(), "voidbox"), IsOk());
  EXPECT_EQ(Contents(), kBoth);
  EXPECT_THAT(CompleteHosts(hosts(), "voidbox"), IsOk());
  EXPECT_EQ(Contents(), kBoth) << "once is enough";
  EXPECT_THAT(CompleteHosts(hosts(), "resumed"), IsOk());
  EXPECT_EQ(Contents(), absl::StrCat(kBoth, "127.0.1.1\tresumed\n"));
}

TEST_F(HostsOfAnImageTest, KeepsWhatIsThere) {
  std::filesystem::create_directory(etc_);
  ASSERT_THAT(WriteFileAtomically(hosts(), "10.0.0.1 db"), IsOk());
  EXPECT_THAT(CompleteHosts(hosts(), "voidbox"), IsOk());
  EXPECT_EQ(Contents(), absl::StrCat("10.0.0.1 db\n", kBoth));
}

TEST_F(HostsOfAnImageTest, WaitsForNothingThatAnImageMayHaveThere) {
  std::filesystem::create_directory(etc_);
  ASSERT_EQ(::mkfifo(hosts().c_str(), 0600), 0);
  EXPECT_THAT(CompleteHosts(hosts(), "voidbox"),
              StatusIs(absl::StatusCode::kInvalidArgument, ::testing::_));
  std::filesystem::remove(hosts());
  std::filesystem::create_directory(hosts());
  EXPECT_FALSE(CompleteHosts(hosts(), "voidbox").ok());
  std::filesystem::remove(hosts());
  ASSERT_THAT(WriteFileAtomically(hosts(), std::string((1 << 20) + 1, '\n')), IsOk());
  EXPECT_THAT(CompleteHosts(hosts(), "voidbox"),
              StatusIs(absl::StatusCode::kInvalidArgument, ::testing::_));
}

}  // namespace
}  // namespace voidbox

#include "tools/bench/flags.h"

#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace voidbox::bench {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(FlagsTest, DefaultsAreThoseOfTheHelp) {
  const auto settings = CheckFlags({});
  ASSERT_THAT(settings, IsOk());
  EXPECT_EQ(settings->rounds, 5);
  EXPECT_EQ(settings->count, 200);
  EXPECT_EQ(settings->bytes, 256u << 20);
  EXPECT_FALSE(settings->json);
  EXPECT_EQ(settings->firecracker, "");
}

TEST(FlagsTest, RefusesTooFewRounds) {
  EXPECT_THAT(CheckFlags({.rounds = 4}),
              StatusIs(absl::StatusCode::kInvalidArgument, "--rounds 4 is not between 5 and 1000"));
  EXPECT_THAT(CheckFlags({.count = 0}), StatusIs(absl::StatusCode::kInvalidArgument,
                                                 "--count 0 is not between 1 and 1000000"));
}

TEST(FlagsTest, BytesAreBlocks) {
  const auto bytes = [](const std::string& text) {
    const auto settings = CheckFlags({.bytes = text});
    return settings.ok() ? settings->bytes : 0;
  };
  EXPECT_EQ(bytes("64K"), 64u << 10);
  EXPECT_EQ(bytes("65536"), 65536u);
  EXPECT_EQ(bytes("1G"), 1u << 30);
  for (const char* bad :
       {"", "0", "63K", "65537", "-1M", "12Q", "M", "16777216T", "99999999999G"}) {
    EXPECT_THAT(CheckFlags({.bytes = bad}),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("--bytes")))
        << bad;
  }
}

TEST(FlagsTest, AnotherBuildIsAPeer) {
  const Flags flags = {.peers = {"voidbox=/usr/../bin", "firecracker=/bin/busybox"}};
  const auto settings = CheckFlags(flags);
  ASSERT_THAT(settings, IsOk());
  EXPECT_THAT(settings->other_voidbox, ::testing::EndsWith("bin"));
  EXPECT_THAT(settings->other_voidbox, ::testing::Not(HasSubstr("..")));
  EXPECT_THAT(InsideCommand("/b", "disk", flags, *settings),
              ::testing::Contains("voidbox=" + settings->other_voidbox));
  EXPECT_THAT(CheckFlags({.peers = {"voidbox=/no/such"}}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/no/such")));
}

TEST(FlagsTest, APeerHasAKindAndAPath) {
  const auto settings = CheckFlags({.peers = {"firecracker=/bin/../bin/busybox"}});
  ASSERT_THAT(settings, IsOk());
  EXPECT_THAT(settings->firecracker, ::testing::EndsWith("bin/busybox"));
  EXPECT_THAT(settings->firecracker, ::testing::Not(HasSubstr("..")));
  for (const char* bad : {"firecracker=", "voidbox=", "firecracker", "crosvm=/bin/true", ""}) {
    EXPECT_THAT(CheckFlags({.peers = {bad}}),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("firecracker=PATH")))
        << bad;
  }
  EXPECT_THAT(CheckFlags({.peers = {"firecracker=/no/such"}}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/no/such")));
}

TEST(FlagsTest, ARootFileSystemIsAFileThatIsThere) {
  const auto settings = CheckFlags({.rootfs = "/etc/../etc/passwd"});
  ASSERT_THAT(settings, IsOk());
  EXPECT_EQ(settings->rootfs, "/etc/passwd");
  EXPECT_THAT(CheckFlags({.rootfs = "/no/such"}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("--rootfs /no/such")));
}

TEST(FlagsTest, TheSameIsMeasuredInside) {
  const Flags flags = {.rounds = 7, .format = "json", .count = 20, .bytes = "1M"};
  auto settings = CheckFlags(flags);
  ASSERT_THAT(settings, IsOk());
  EXPECT_THAT(InsideCommand("/b", "boot", flags, *settings),
              ElementsAre("/b", "boot", "--inside", "--rounds", "7", "--format", "json"));
  EXPECT_THAT(
      InsideCommand("/b", "exec", flags, *settings),
      ElementsAre("/b", "exec", "--inside", "--rounds", "7", "--format", "json", "--count", "20"));
  settings->firecracker = "/fc";
  EXPECT_THAT(InsideCommand("/b", "vsock", flags, *settings),
              ElementsAre("/b", "vsock", "--inside", "--rounds", "7", "--format", "json", "--peer",
                          "firecracker=/fc", "--bytes", "1M"));
  settings->rootfs = "/r.ext4";
  EXPECT_THAT(InsideCommand("/b", "boot", flags, *settings),
              ElementsAre("/b", "boot", "--inside", "--rounds", "7", "--format", "json", "--peer",
                          "firecracker=/fc", "--rootfs", "/r.ext4"));
  EXPECT_THAT(InsideCommand("/b", "disk", flags, *settings),
              ElementsAre("/b", "disk", "--inside", "--rounds", "7", "--format", "json", "--peer",
                          "firecracker=/fc"));
}

}  // namespace
}  // namespace voidbox::bench

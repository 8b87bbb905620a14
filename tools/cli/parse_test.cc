#include "tools/cli/parse.h"

#include <sys/stat.h>

#include <cstdlib>
#include <string>

#include "base/io.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

using ::testing::_;
using ::testing::HasSubstr;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

TEST(ParseMemoryTest, TakesUnits) {
  EXPECT_EQ(*ParseMemory("512M"), 512u << 20);
  EXPECT_EQ(*ParseMemory("512"), 512u << 20);
  EXPECT_EQ(*ParseMemory("2g"), 2ull << 30);
  EXPECT_EQ(*ParseMemory("1.5G"), 3ull << 29);
  EXPECT_EQ(*ParseMemory("65536k"), 64u << 20);
  EXPECT_EQ(*ParseMemory("512MiB"), 512u << 20);
  EXPECT_EQ(*ParseMemory("512mb"), 512u << 20);
  EXPECT_EQ(*ParseMemory("1T"), 1ull << 40);
}

TEST(ParseMemoryTest, RefusesTheRest) {
  for (const char* text :
       {"", "M", "12Q", "-512M", "512M!", "0x200M", "nan", "inf", "1e3M", " 512M", "5..5G", "b"}) {
    EXPECT_THAT(ParseMemory(text), StatusIs(kInvalid, HasSubstr("is not a size"))) << text;
  }
  EXPECT_THAT(ParseMemory("31M"), StatusIs(kInvalid, HasSubstr("between 32M and 1T")));
  EXPECT_THAT(ParseMemory("0"), StatusIs(kInvalid, HasSubstr("between")));
  EXPECT_THAT(ParseMemory("2T"), StatusIs(kInvalid, HasSubstr("between")));
  EXPECT_THAT(ParseMemory("99999999999999999999999G"), StatusIs(kInvalid, HasSubstr("between")));
  EXPECT_THAT(ParseMemory("33M"), StatusIs(kInvalid, HasSubstr("multiple of 2M")));
}

TEST(ParseCpusTest, TakesOneToThirtyTwo) {
  EXPECT_EQ(*ParseCpus("1"), 1u);
  EXPECT_EQ(*ParseCpus("32"), 32u);
  for (const char* text : {"0", "33", "-1", "two", "", "1.5", "4294967297"}) {
    EXPECT_THAT(ParseCpus(text), StatusIs(kInvalid, HasSubstr("between 1 and 32"))) << text;
  }
}

TEST(ParseDurationTest, TakesUnits) {
  EXPECT_EQ(*ParseDuration("500ms"), absl::Milliseconds(500));
  EXPECT_EQ(*ParseDuration("5s"), absl::Seconds(5));
  EXPECT_EQ(*ParseDuration("5"), absl::Seconds(5));
  EXPECT_EQ(*ParseDuration("1.5m"), absl::Seconds(90));
  EXPECT_EQ(*ParseDuration("2h"), absl::Hours(2));
}

TEST(ParseDurationTest, RefusesTheRest) {
  for (const char* text : {"", "s", "5 s", "-5s", "5x", "1e9s", "inf"}) {
    EXPECT_THAT(ParseDuration(text), StatusIs(kInvalid, HasSubstr("is not a duration"))) << text;
  }
  EXPECT_THAT(ParseDuration("0"), StatusIs(kInvalid, HasSubstr("between")));
  EXPECT_THAT(ParseDuration("0.1ms"), StatusIs(kInvalid, HasSubstr("between")));
  EXPECT_THAT(ParseDuration("9999999999h"), StatusIs(kInvalid, HasSubstr("between")));
}

TEST(ParseDiskTest, TakesAFileAndItsMode) {
  const std::string path = ::testing::TempDir() + "/disk.img";
  ASSERT_THAT(WriteFileAtomically(path, "x"), IsOk());
  EXPECT_EQ(ParseDisk(path)->path, path);
  EXPECT_FALSE(ParseDisk(path)->read_only);
  EXPECT_FALSE(ParseDisk(path + ",rw")->read_only);
  EXPECT_TRUE(ParseDisk(path + ",ro")->read_only);
  EXPECT_EQ(ParseDisk(path + ",ro")->path, path);
  EXPECT_THAT(ParseDisk("/nonexistent,ro"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/nonexistent")));
  EXPECT_THAT(ParseDisk(::testing::TempDir()), StatusIs(kInvalid, HasSubstr("directory")));
}

TEST(ParseDiskSizeTest, TakesUnitsInBounds) {
  EXPECT_EQ(*ParseDiskSize("4G"), 4ull << 30);
  EXPECT_EQ(*ParseDiskSize("8T"), 8ull << 40);
  EXPECT_EQ(*ParseDiskSize("4K"), 4096);
  EXPECT_THAT(ParseDiskSize("6K"), StatusIs(kInvalid, HasSubstr("multiple of 4K")));
  EXPECT_THAT(ParseDiskSize("9T"), StatusIs(kInvalid, HasSubstr("between 4K and 8T")));
  EXPECT_THAT(ParseDiskSize("0"), StatusIs(kInvalid, HasSubstr("between 4K and 8T")));
  EXPECT_THAT(ParseDiskSize("big"), StatusIs(kInvalid, HasSubstr("disk size 'big' is not a size")));
}

TEST(ParseRootDiskTest, IsEphemeralUnlessItsWritesAreKept) {
  const std::string path = ::testing::TempDir() + "/rootfs.ext4";
  ASSERT_THAT(WriteFileAtomically(path, "x"), IsOk());
  EXPECT_FALSE(ParseRootDisk({})->has_value());
  const auto thrown_away = ParseRootDisk({.path = path, .size = "1G"});
  ASSERT_THAT(thrown_away, IsOk());
  EXPECT_EQ((*thrown_away)->path, path);
  EXPECT_TRUE((*thrown_away)->ephemeral);
  EXPECT_EQ((*thrown_away)->virtual_bytes, 1u << 30);
  const auto kept = ParseRootDisk({.path = path, .overlay = "/some/../where/o"});
  ASSERT_THAT(kept, IsOk());
  EXPECT_FALSE((*kept)->ephemeral);
  EXPECT_EQ((*kept)->overlay, "/where/o");
  EXPECT_EQ((*kept)->virtual_bytes, 0);
}

TEST(ParseRootDiskTest, RefusesWhatDoesNotGoTogether) {
  const std::string path = ::testing::TempDir() + "/rootfs.ext4";
  ASSERT_THAT(WriteFileAtomically(path, "x"), IsOk());
  for (const RootDiskFlags& flags : {RootDiskFlags{.size = "1G"}, RootDiskFlags{.overlay = "o"},
                                     RootDiskFlags{.ephemeral = true}}) {
    EXPECT_THAT(ParseRootDisk(flags), StatusIs(kInvalid, HasSubstr("which is not given")));
  }
  EXPECT_THAT(ParseRootDisk({.path = path, .overlay = "o", .ephemeral = true}),
              StatusIs(kInvalid, HasSubstr("throws away what --overlay o keeps")));
  EXPECT_THAT(ParseRootDisk({.path = "/nonexistent"}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("root file system /nonexistent")));
  EXPECT_THAT(ParseRootDisk({.path = path, .size = "1x"}),
              StatusIs(kInvalid, HasSubstr("disk size")));
}

TEST(ParseVariableTest, TakesAValueOrTheOwn) {
  auto given = ParseVariable("A=b=c");
  ASSERT_THAT(given, IsOk());
  EXPECT_EQ(given->name(), "A");
  EXPECT_EQ(given->value(), "b=c");
  EXPECT_EQ(ParseVariable("A=")->value(), "");
  ::setenv("VOIDBOX_PARSE_TEST", "here", 1);
  EXPECT_EQ(ParseVariable("VOIDBOX_PARSE_TEST")->value(), "here");
  ::unsetenv("VOIDBOX_PARSE_TEST");
  EXPECT_THAT(ParseVariable("VOIDBOX_PARSE_TEST"), StatusIs(kInvalid, HasSubstr("not set")));
  EXPECT_THAT(ParseVariable("=b"), StatusIs(kInvalid, HasSubstr("no name")));
  EXPECT_THAT(ParseVariable(""), StatusIs(kInvalid, HasSubstr("no name")));
}

TEST(ReadableFileTest, GivesAnAbsolutePathOrTheReason) {
  EXPECT_THAT(ReadableFile("/nonexistent", "kernel"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("kernel /nonexistent")));
  EXPECT_THAT(ReadableFile("/", "kernel"), StatusIs(kInvalid, HasSubstr("directory")));
  EXPECT_EQ(ReadableFile("/proc/self/exe", "kernel")->front(), '/');
}

}  // namespace
}  // namespace voidbox

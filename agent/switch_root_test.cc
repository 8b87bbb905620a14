// Switching itself takes a guest; tests/ has it.
#include "agent/switch_root.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/status_matchers.h"

namespace voidbox {
namespace {

TEST(SwitchRootTest, DefaultsAreTheKernels) {
  const auto words = ParseRootWords("quiet root=/dev/vda\n");
  ASSERT_THAT(words, IsOk());
  EXPECT_EQ(words->device, "/dev/vda");
  EXPECT_EQ(words->type, "ext4");
  EXPECT_FALSE(words->writable);
  EXPECT_EQ(words->init, "/sbin/init");
}

TEST(SwitchRootTest, TheLastWordCounts) {
  const auto words = ParseRootWords(
      "root=/dev/vda rootfstype=ext4 rw init=/sbin/init root=/dev/vdb rootfstype=ext2 init=/bin/sh "
      "-- root=/dev/vdc ro");
  ASSERT_THAT(words, IsOk());
  EXPECT_EQ(words->device, "/dev/vdb");
  EXPECT_EQ(words->type, "ext2");
  EXPECT_TRUE(words->writable);
  EXPECT_EQ(words->init, "/bin/sh");
}

TEST(SwitchRootTest, WantsAFileOfADisk) {
  for (const char* line : {"quiet", "root=LABEL=debian", "root=", "notroot=/dev/vda"}) {
    EXPECT_THAT(ParseRootWords(line),
                StatusIs(absl::StatusCode::kInvalidArgument, ::testing::HasSubstr("below /dev")))
        << line;
  }
}

}  // namespace
}  // namespace voidbox

// Mounting itself takes a guest; tests/ has it.
#include "agent/mounts.h"

#include <gtest/gtest.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include "base/status_matchers.h"

namespace voidbox {
namespace {

TEST(MountsTest, LeavesWhatIsMounted) {
  EXPECT_THAT(MountOnce({"tmpfs", "/proc", 0, ""}), IsOk());
  struct statfs info;
  ASSERT_EQ(::statfs("/proc", &info), 0);
  EXPECT_EQ(info.f_type, PROC_SUPER_MAGIC);
}

TEST(MountsTest, NamesTheDirectoryThatCannotBeMade) {
  EXPECT_THAT(MountOnce({"tmpfs", "/proc/no/such", 0, ""}),
              StatusIs(absl::StatusCode::kNotFound, ::testing::HasSubstr("mkdir /proc/no/such")));
}

}  // namespace
}  // namespace voidbox

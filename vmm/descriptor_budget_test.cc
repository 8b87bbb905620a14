#include "vmm/descriptor_budget.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "base/status_matchers.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;

// A hard limit cannot be raised again: each test is a process of its own.
void SetLimits(rlim_t soft, rlim_t hard) {
  const rlimit limit = {.rlim_cur = soft, .rlim_max = hard};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
}
void ExitWithFailures() { ::_exit(::testing::Test::HasFailure() ? 1 : 0); }

TEST(BudgetVsockConnectionsDeathTest, RaisesTheLimitForWhatIsWanted) {
  EXPECT_EXIT(
      {
        SetLimits(256, 2048);
        EXPECT_EQ(BudgetVsockConnections(1024).value(), 1024u);
        rlimit now;
        EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &now), 0);
        EXPECT_EQ(now.rlim_cur, 1024u + 192u);
        ExitWithFailures();
      },
      ::testing::ExitedWithCode(0), "");
}

TEST(BudgetVsockConnectionsDeathTest, LeavesOutItsOwnWhereTheHardLimitIsLow) {
  EXPECT_EXIT(
      {
        SetLimits(256, 512);
        EXPECT_EQ(BudgetVsockConnections(1024).value(), 512u - 192u);
        ExitWithFailures();
      },
      ::testing::ExitedWithCode(0), "");
}

TEST(BudgetVsockConnectionsDeathTest, RefusesAHardLimitThatDoesNotSuffice) {
  EXPECT_EXIT(
      {
        SetLimits(199, 199);
        EXPECT_THAT(BudgetVsockConnections(1024),
                    StatusIs(absl::StatusCode::kFailedPrecondition,
                             HasSubstr("the limit of open files is 199, and a VMM needs 200")));
        ExitWithFailures();
      },
      ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace voidbox

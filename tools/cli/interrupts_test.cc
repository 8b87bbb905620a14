#include "tools/cli/interrupts.h"

#include <signal.h>

#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

TEST(InterruptsTest, RemembersASignalAndGivesTheOldHandlingBack) {
  ::signal(SIGHUP, SIG_IGN);
  {
    const Interrupts interrupts;
    EXPECT_EQ(interrupts.signal(), 0);
    EXPECT_THAT(interrupts.Check(), IsOk());
    ::raise(SIGHUP);  // ignored before, ignored now
    EXPECT_EQ(interrupts.signal(), 0);
    ::raise(SIGTERM);
    EXPECT_EQ(interrupts.signal(), SIGTERM);
    EXPECT_THAT(interrupts.Check(), StatusIs(absl::StatusCode::kCancelled, "interrupted"));
  }
  struct sigaction action;
  ASSERT_EQ(::sigaction(SIGTERM, nullptr, &action), 0);
  EXPECT_EQ(action.sa_handler, SIG_DFL);
  EXPECT_EQ(Interrupts().signal(), 0);
}

}  // namespace
}  // namespace voidbox

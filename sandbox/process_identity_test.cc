#include "sandbox/process_identity.h"

#include <unistd.h>

#include <string>

#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "sandbox/child_process.h"

namespace voidbox {
namespace {

using ::testing::_;

TEST(ProcessIdentityTest, ThisProcessIsAlive) {
  auto self = IdentifyProcess(::getpid());
  ASSERT_THAT(self, IsOk());
  EXPECT_TRUE(IsAlive(*self));
}

TEST(ProcessIdentityTest, AnotherStartTimeIsAnotherProcess) {
  auto self = IdentifyProcess(::getpid());
  ASSERT_THAT(self, IsOk());
  self->start_time += 1;
  EXPECT_FALSE(IsAlive(*self));
}

TEST(ProcessIdentityTest, EndedProcessIsNotFound) {
  auto child = ChildProcess::Spawn({.argv = {"/bin/true"}});
  ASSERT_THAT(child, IsOk());
  const pid_t pid = child->pid();
  ASSERT_THAT(child->Wait(), IsOk());
  EXPECT_THAT(IdentifyProcess(pid), StatusIs(absl::StatusCode::kNotFound, _));
}

TEST(ProcessIdentityTest, NameMayHoldParenthesesAndSpaces) {
  EXPECT_EQ(*ParseStartTime("7 (a) R (b) S 1 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4711 0 0\n"),
            4711u);
}

TEST(ProcessIdentityTest, ZombieHasEnded) {
  EXPECT_THAT(ParseStartTime("7 (a) Z 1 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4711 0 0\n"),
              StatusIs(absl::StatusCode::kNotFound, _));
}

TEST(ProcessIdentityTest, RefusesNonsense) {
  EXPECT_THAT(ParseStartTime(""), StatusIs(absl::StatusCode::kDataLoss, _));
  EXPECT_THAT(ParseStartTime("7 (a) S 1 2"), StatusIs(absl::StatusCode::kDataLoss, _));
  EXPECT_THAT(ParseStartTime("7 (a) S 1 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 x 0 0"),
              StatusIs(absl::StatusCode::kDataLoss, _));
}

}  // namespace
}  // namespace voidbox

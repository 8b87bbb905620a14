#include "tools/cli/exit_status.h"

#include <signal.h>

#include "gtest/gtest.h"

namespace voidbox {
namespace {

agent::ExecEnded Ended(agent::ExecEnded::Reason reason, uint32_t code, uint32_t signal) {
  agent::ExecEnded ended;
  ended.set_reason(reason);
  ended.set_exit_code(code);
  ended.set_signal(signal);
  return ended;
}

TEST(ExitStatusTest, IsTheCommandsOwnWhenItExits) {
  EXPECT_EQ(ExitStatusOf(Ended(agent::ExecEnded::EXITED, 0, 0)), 0);
  EXPECT_EQ(ExitStatusOf(Ended(agent::ExecEnded::EXITED, 255, 0)), 255);
}

TEST(ExitStatusTest, TellsSignalsTimeAndMemory) {
  EXPECT_EQ(ExitStatusOf(Ended(agent::ExecEnded::SIGNALED, 0, SIGTERM)), 143);
  EXPECT_EQ(ExitStatusOf(Ended(agent::ExecEnded::TIMED_OUT, 0, SIGKILL)), 124);
  EXPECT_EQ(ExitStatusOf(Ended(agent::ExecEnded::OUT_OF_MEMORY, 0, SIGKILL)), 137);
}

TEST(ExitStatusTest, TellsCommandsThatCannotStart) {
  EXPECT_EQ(ExitStatusOf(Ended(agent::ExecEnded::NOT_STARTED, 127, 0)), 127);
  EXPECT_EQ(ExitStatusOf(Ended(agent::ExecEnded::NOT_STARTED, 126, 0)), 126);
}

TEST(ExitStatusTest, AHostileAgentCannotLeaveTheRange) {
  EXPECT_EQ(ExitStatusOf(Ended(agent::ExecEnded::REASON_UNSPECIFIED, 0, 0)), 125);
  EXPECT_EQ(ExitStatusOf(Ended(agent::ExecEnded::EXITED, 0xffffffff, 0)), 255);
  EXPECT_EQ(ExitStatusOf(Ended(agent::ExecEnded::SIGNALED, 0, 0xffffffff)), 255);
}

TEST(ExitStatusTest, OwnErrorsAre125AndALostReaderIsSigpipe) {
  EXPECT_EQ(ExitStatusOf(absl::InternalError("x")), 125);
  EXPECT_EQ(ExitStatusOf(absl::CancelledError("x")), 128 + SIGPIPE);
}

}  // namespace
}  // namespace voidbox

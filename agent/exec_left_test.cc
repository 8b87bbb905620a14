// What commands leave running when they have ended.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/exec_table.h"
#include "agent/exec_testing.h"
#include "base/io.h"
#include "base/status_matchers.h"

namespace voidbox {
namespace {

using agent::ExecEnded;
using ::testing::HasSubstr;

class ExecLeftTest : public AskingExecTest {
 protected:
  explicit ExecLeftTest(const CommandSetting& setting = {}) : AskingExecTest(setting) {}
  ~ExecLeftTest() override {
    for (const agent::ExecInfo& exec : List()) Kill(exec.id());
    AwaitNothingLeft();
  }

  // Each question is a turn of the loop.
  void AwaitNothingLeft() {
    for (bool left = true; left;) {
      left = false;
      for (const agent::ExecInfo& exec : List()) {
        left |= !exec.keep() || exec.left_processes() != 0;
      }
    }
  }
  // What a process writes to a FIFO until it closes it.
  static std::string ReadAll(const Fifo& fifo) {
    const UniqueFd reader(::open(fifo.path().c_str(), O_RDONLY));
    std::string text(1 << 20, '\0');
    const auto size = ReadUpTo(reader.get(), text.data(), text.size());
    EXPECT_THAT(size, IsOk());
    text.resize(size.value_or(0));
    return text;
  }
  // Runs `background`, which sees the FIFO `go` end after its shell has ended.
  Result Leave(const std::string& background) {
    return Run(Marked(
        absl::StrCat("sh -c 'cat ", go_.path(), "; ", background, "' \"$0\" & echo done; exit 3")));
  }
  const Fifo go_;
};

class CgroupExecLeftTest : public ExecLeftTest {};
class KillingTreesTest : public ExecLeftTest {
 protected:
  KillingTreesTest() : ExecLeftTest({.kills_trees = true}) {}
};

INSTANTIATE_TEST_SUITE_P(All, ExecLeftTest, ::testing::ValuesIn(AvailableTrees()), TreesName);
INSTANTIATE_TEST_SUITE_P(All, KillingTreesTest, ::testing::ValuesIn(AvailableTrees()), TreesName);
INSTANTIATE_TEST_SUITE_P(All, CgroupExecLeftTest, ::testing::ValuesIn(CgroupsIfAvailable()),
                         TreesName);

TEST_P(ExecLeftTest, WhatRunsInTheBackgroundGoesOnWhenTheCommandHasEnded) {
  const Fifo said;
  const Result result = Leave(absl::StrCat("echo alive > ", said.path()));
  EXPECT_EQ(result.out, "done\n");
  EXPECT_EQ(result.ended.reason(), ExecEnded::EXITED);
  EXPECT_EQ(result.ended.exit_code(), 3u);
  EXPECT_TRUE(result.ended.left_running());
  const std::vector<agent::ExecInfo> execs = List();
  ASSERT_EQ(execs.size(), 1u);
  EXPECT_EQ(execs[0].pid(), 0u);
  EXPECT_EQ(execs[0].ended().exit_code(), 3u);
  EXPECT_GE(execs[0].left_processes(), 1u);
  EXPECT_EQ(execs[0].argv(0), "sh");
  go_.Release();
  EXPECT_EQ(ReadAll(said), "alive\n");
  AwaitNothingLeft();
  EXPECT_TRUE(List().empty());
}

TEST_P(ExecLeftTest, ACommandThatLeavesNothingIsForgotten) {
  EXPECT_FALSE(Run(Marked("true")).ended.left_running());
  EXPECT_TRUE(List().empty());
}

TEST_P(ExecLeftTest, LaterOutputNeitherBlocksNorKillsWhoWritesIt) {
  const Fifo said;
  // More than its pipes hold, on both.
  const Result result =
      Leave(absl::StrCat("head -c 1000000 /dev/zero && head -c 1000000 /dev/zero "
                         ">&2 && echo survived > ",
                         said.path()));
  EXPECT_EQ(result.out, "done\n");
  EXPECT_EQ(result.err, "");
  go_.Release();
  EXPECT_EQ(ReadAll(said), "survived\n");
}

TEST_P(ExecLeftTest, ASessionOfItsOwnGoesOnAsWell) {
  const Fifo said, away;
  const Result result = Run(Marked(absl::StrCat(
      "setsid sh -c 'echo > ", away.path(), "; cat ", go_.path(), "; head -c 1000000 /dev/zero && ",
      "echo survived > ", said.path(), "' \"$0\" & cat ", away.path(), "; echo done")));
  EXPECT_EQ(result.out, "\ndone\n");
  EXPECT_TRUE(result.ended.left_running());
  go_.Release();
  EXPECT_EQ(ReadAll(said), "survived\n");
}

TEST_P(ExecLeftTest, WhatThePipesHeldAtTheEndArrives) {
  TestingClient client = server_.Connect(/*send_buffer_bytes=*/1);
  client.Send(Marked("sleep 1000 & head -c 400000 /dev/zero; echo end >&2"));
  const Result result = client.Finish();
  EXPECT_EQ(result.out.size(), 400'000u);
  EXPECT_EQ(result.err, "end\n");
  EXPECT_TRUE(result.ended.left_running());
}

TEST_P(ExecLeftTest, LaterOutputIsKeptWithKeep) {
  const Fifo said;
  agent::Request request = Marked(absl::StrCat("sh -c 'cat ", go_.path(), "; echo later; echo x > ",
                                               said.path(), "' \"$0\" & echo done"));
  request.mutable_exec()->set_keep(true);
  EXPECT_EQ(Run(request).out, "done\n");
  const std::vector<agent::ExecInfo> execs = List();
  ASSERT_EQ(execs.size(), 1u);
  go_.Release();
  EXPECT_EQ(ReadAll(said), "x\n");
  AwaitNothingLeft();
  request = agent::Request();
  request.mutable_attach()->set_id(execs[0].id());
  const Result result = Run(request);
  EXPECT_EQ(result.out, "done\nlater\n");
  EXPECT_TRUE(result.has_ended);
}

TEST_P(ExecLeftTest, GivingUpAResultKillsNothing) {
  agent::Request request = Marked("sleep 1000 & exit 0");
  request.mutable_exec()->set_keep(true);
  Run(request);
  const uint64_t id = List().at(0).id();
  request = TestingClient::Exec({"true"});
  request.mutable_exec()->set_keep(true);
  for (size_t i = 0; i < ExecTable::kMaxKept; ++i) Run(request);
  const agent::ExecInfo first = List().at(0);
  EXPECT_EQ(first.id(), id);
  EXPECT_FALSE(first.keep());
  EXPECT_GE(first.left_processes(), 1u);
}

TEST_P(ExecLeftTest, IsKilledByTheIdOfItsExec) {
  Run(Marked("sleep 1000 & exit 0"));
  const std::vector<agent::ExecInfo> execs = List();
  ASSERT_EQ(execs.size(), 1u);
  EXPECT_TRUE(Kill(execs[0].id(), SIGTERM).has_done()) << "its first process is gone";
  EXPECT_TRUE(Kill(execs[0].id()).has_done());
  AwaitNothingLeft();
  EXPECT_EQ(Kill(execs[0].id()).error().code(), agent::Error::NOT_FOUND);
}

TEST_P(ExecLeftTest, ACommandThatASignalEndsLeavesNothing) {
  const Result result = Run(Marked("sh -c 'sleep 1000' \"$0\" & kill -9 $$"));
  EXPECT_EQ(result.ended.reason(), ExecEnded::SIGNALED);
  EXPECT_FALSE(result.ended.left_running());
  EXPECT_EQ(ProcessesWithArgument(mark_), std::vector<int>());
}

TEST_P(ExecLeftTest, ATimeoutEndsTheWholeTree) {
  agent::Request request = Marked("sh -c 'sleep 1000' \"$0\" & sleep 1000");
  request.mutable_exec()->set_timeout_ms(kEnoughToStartMs);
  EXPECT_EQ(Run(request).ended.reason(), ExecEnded::TIMED_OUT);
  EXPECT_EQ(ProcessesWithArgument(mark_), std::vector<int>());
}

TEST_P(ExecLeftTest, TheTimeoutOfACommandThatEndedInTimeEndsNothing) {
  const Fifo said;
  agent::Request request =
      Marked(absl::StrCat("sh -c 'sleep 2; echo x > ", said.path(), "' \"$0\" & exit 0"));
  request.mutable_exec()->set_timeout_ms(kEnoughToStartMs);
  EXPECT_TRUE(Run(request).ended.left_running());
  EXPECT_EQ(ReadAll(said), "x\n");
}

TEST_P(ExecLeftTest, HangingUpBeforeTheEndIsToldEndsTheTree) {
  TestingClient client = server_.Connect(/*send_buffer_bytes=*/1);
  client.Send(
      Marked("sh -c 'sleep 1000' \"$0\" & head -c 300000 /dev/zero; "
             "head -c 60000 /dev/zero >&2"));
  const auto started = client.Receive();
  ASSERT_THAT(started, IsOk());
  // It has ended, but some of its output waits in a pipe until more is taken.
  AwaitEnd(started->started().pid());
  server_.AwaitTurn();
  client.Close();
  server_.AwaitIdle();
  AwaitNothingLeft();
  EXPECT_EQ(ProcessesWithArgument(mark_), std::vector<int>());
}

TEST_P(ExecLeftTest, ATerminalEndsWithItsCommand) {
  agent::Request request = Marked("trap '' HUP; sh -c 'sleep 1000' \"$0\" & echo done");
  request.mutable_exec()->mutable_terminal();
  const Result result = Run(request);
  EXPECT_THAT(result.out, HasSubstr("done"));
  EXPECT_FALSE(result.ended.left_running());
  EXPECT_EQ(ProcessesWithArgument(mark_), std::vector<int>());
}

TEST_P(KillingTreesTest, NothingIsLeft) {
  EXPECT_FALSE(Run(Marked("sh -c 'sleep 1000' \"$0\" & exit 0")).ended.left_running());
  EXPECT_EQ(ProcessesWithArgument(mark_), std::vector<int>());
}

TEST_P(ExecLeftTest, CountsAmongWhatMayRunAtOnceAndEndsWithTheTimeOfAll) {
  agent::Request request;
  request.mutable_configure()->set_max_execs(1);
  request.mutable_configure()->set_max_timeout_ms(kEnoughToStartMs);
  ASSERT_TRUE(Ask(request).has_done());
  EXPECT_TRUE(Run(Marked("sleep 1000 & exit 0")).ended.left_running());
  const Result refused = Run(TestingClient::Exec({"true"}));
  EXPECT_EQ(refused.error.code(), agent::Error::RESOURCE_EXHAUSTED);
  EXPECT_THAT(refused.error.message(), HasSubstr("max_execs: 1 run already"));
  AwaitNothingLeft();
  EXPECT_EQ(Run(TestingClient::Exec({"echo", "x"})).out, "x\n");
}

TEST_P(CgroupExecLeftTest, WhatOneMoreThanMayLeaveSomethingLeavesIsKilled) {
  for (size_t i = 0; i < ExecTable::kMaxLeft; ++i) {
    ASSERT_TRUE(Run(Marked("sleep 1000 & exit 0")).ended.left_running());
  }
  const Result result = Run(Marked("sleep 1000 & exit 0"));
  EXPECT_EQ(result.ended.exit_code(), 0u);
  EXPECT_FALSE(result.ended.left_running());
  EXPECT_THAT(result.ended.message(), HasSubstr("what it left running was killed"));
  EXPECT_EQ(Run(Marked("true")).ended.message(), "");
}

}  // namespace
}  // namespace voidbox

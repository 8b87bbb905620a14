// How commands end, and what is left of them: nothing.
#include <gtest/gtest.h>
#include <signal.h>

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "agent/exec_testing.h"
#include "base/status_matchers.h"

namespace voidbox {
namespace {

using agent::ExecEnded;
using ::testing::HasSubstr;

INSTANTIATE_TEST_SUITE_P(All, ExecTest, ::testing::ValuesIn(AvailableTrees()), TreesName);
INSTANTIATE_TEST_SUITE_P(All, CgroupExecTest, ::testing::ValuesIn(CgroupsIfAvailable()), TreesName);

TEST_P(ExecTest, ATimeoutKillsAProcessThatIgnoresTermAndItsTree) {
  agent::Request request = Marked(
      "trap '' TERM HUP INT; sh -c 'trap \"\" TERM; echo child; sleep 1000' \"$0\" & echo parent; "
      "sleep 1000");
  request.mutable_exec()->set_timeout_ms(kEnoughToStartMs);
  const Result result = Run(request);
  EXPECT_EQ(result.ended.reason(), ExecEnded::TIMED_OUT);
  EXPECT_EQ(result.ended.signal(), static_cast<uint32_t>(SIGKILL));
  EXPECT_GE(result.ended.duration_us(), kEnoughToStartMs * 1000);
  EXPECT_THAT(result.out, HasSubstr("parent"));
}

TEST_P(ExecTest, ATimeoutKillsAProcessThatClosedItsOutputs) {
  agent::Request request = Marked("exec >&- 2>&- <&-; sleep 1000");
  request.mutable_exec()->set_timeout_ms(100);
  EXPECT_EQ(Run(request).ended.reason(), ExecEnded::TIMED_OUT);
}

TEST_P(ExecTest, ATimeoutKillsAProcessWhoseOutputNobodyReads) {
  agent::Request request = TestingClient::Exec({"yes"});
  request.mutable_exec()->set_timeout_ms(kEnoughToStartMs);
  TestingClient client = server_.Connect();
  client.Send(request);
  auto started = client.Receive();
  ASSERT_THAT(started, IsOk());
  AwaitEnd(started->started().pid());
  const Result result = client.Finish();
  EXPECT_EQ(result.ended.reason(), ExecEnded::TIMED_OUT);
  EXPECT_EQ(result.out.substr(0, 4), "y\ny\n");
}

TEST_P(ExecTest, WhatTheProcessStartedIsKilledWithItOnRequestAndDelaysNothing) {
  agent::Request request = Marked("sh -c 'sleep 1000' \"$0\" & echo done");
  request.mutable_exec()->set_kill_tree(true);
  const Result result = Run(request);
  EXPECT_FALSE(result.ended.left_running());
  EXPECT_EQ(result.out, "done\n");
  EXPECT_EQ(result.ended.reason(), ExecEnded::EXITED);
  EXPECT_EQ(result.ended.exit_code(), 0u);
}

TEST_P(CgroupExecTest, WhatWasStartedInASessionOfItsOwnIsKilledWithItsCgroup) {
  const Fifo fifo;
  agent::Request request = Marked(absl::StrCat("setsid sh -c 'echo away; echo > ", fifo.path(),
                                               "; sleep 1000' \"$0\" & cat ", fifo.path()));
  request.mutable_exec()->set_kill_tree(true);
  const Result result = Run(request);
  EXPECT_EQ(result.out, "away\n\n");
}

TEST_P(ExecTest, TheGraceLetsTheRestOfTheTreeFinish) {
  // The child sees its parent's end of the pipe close, cleans up, and ends long before the grace.
  const Fifo fifo;
  agent::Request request = Marked(absl::StrCat(
      "sh -c 'cat ", fifo.path(), "; echo cleaned' \"$0\" & exec sleep 1000 > ", fifo.path()));
  request.mutable_exec()->set_timeout_ms(kEnoughToStartMs);
  request.mutable_exec()->set_kill_grace_ms(60'000);
  const Result result = Run(request);
  EXPECT_EQ(result.out, "cleaned\n");
  EXPECT_EQ(result.ended.reason(), ExecEnded::TIMED_OUT);
  EXPECT_LT(result.ended.duration_us(), 50'000'000u);
}

TEST_P(ExecTest, TheGraceEnds) {
  agent::Request request = Marked("sh -c 'sleep 1000' \"$0\" & echo done");
  request.mutable_exec()->set_kill_tree(true);
  request.mutable_exec()->set_kill_grace_ms(200);
  const Result result = Run(request);
  EXPECT_EQ(result.ended.reason(), ExecEnded::EXITED);
  EXPECT_GE(result.ended.duration_us(), 200'000u);
}

TEST_P(ExecTest, HangingUpKillsTheTree) {
  TestingClient client = server_.Connect();
  client.Send(Marked("trap '' HUP TERM; sh -c 'sleep 1000' \"$0\" & echo ready; sleep 1000"));
  client.AwaitOutput("ready");
  client.Close();
  // The destructor waits for the end and looks for what is left.
}

TEST_P(ExecTest, AHalfCloseIsHangingUp) {
  TestingClient client = server_.Connect();
  client.Send(Marked("echo ready; sleep 1000"));
  client.AwaitOutput("ready");
  client.HalfClose();
  EXPECT_FALSE(client.Finish().has_ended);
}

TEST_P(ExecTest, HangingUpKillsAProcessWhoseInputAndOutputAreFull) {
  agent::Request request = Marked("yes; sleep 1000");
  request.mutable_exec()->set_stdin(true);
  TestingClient client = server_.Connect();
  client.Send(request);
  const std::string piece(64 << 10, 'x');
  for (int i = 0; i < 3; ++i) client.SendInput(piece);
  client.AwaitOutput("y\ny\n");
  client.Close();
}

TEST_P(CgroupExecTest, ACgroupMadeInsideIsRemoved) {
  // Processes here may write to the cgroup: they have the rights of the test.
  const Result result = Run(Marked(
      absl::StrCat("mkdir -p ", cgroup_.path(),
                   "$(cut -d: -f3 /proc/self/cgroup | grep -o '/exec-[0-9]*$')/a/b && echo made")));
  EXPECT_EQ(result.out, "made\n") << result.err;
}

TEST_P(ExecTest, TheServiceEndsItsCallsWithItself) {
  TestingCgroup cgroup;
  auto server = std::make_unique<TestingServer>(
      TestingServer::Options{.cgroup_parent = HasCgroups() ? cgroup.path() : ""});
  TestingClient client = server->Connect();
  client.Send(Marked("echo ready; exec sleep 1000"));
  auto started = client.Receive();
  ASSERT_THAT(started, IsOk());
  client.AwaitOutput("ready");
  server.reset();
  AwaitEnd(started->started().pid());
}

}  // namespace
}  // namespace voidbox

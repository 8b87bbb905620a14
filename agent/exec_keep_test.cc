// Execs that outlive their connections, and what is said of execs by their ids.
#include <gtest/gtest.h>
#include <signal.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/exec_table.h"
#include "agent/exec_testing.h"
#include "agent/kept_output.h"
#include "base/status_matchers.h"

namespace voidbox {
namespace {

using agent::ExecEnded;
using ::testing::HasSubstr;

class ExecKeepTest : public AskingExecTest {
 protected:
  // What is still kept at the end is ended.
  ~ExecKeepTest() override {
    for (const agent::ExecInfo& exec : List()) {
      if (!exec.has_ended()) Kill(exec.id());
    }
    AwaitEnds();
  }

  agent::Request Kept(const std::string& script) const {
    agent::Request request = Marked(script);
    request.mutable_exec()->set_keep(true);
    request.mutable_exec()->set_stdin(true);
    return request;
  }
  TestingClient Attach(uint64_t id, bool skip = false) {
    agent::Request request;
    request.mutable_attach()->set_id(id);
    request.mutable_attach()->set_skip_kept_output(skip);
    TestingClient client = server_.Connect();
    client.Send(request);
    return client;
  }
  // Waits until no exec runs; each question is a turn of the loop.
  void AwaitEnds() {
    for (bool running = true; running;) {
      running = false;
      for (const agent::ExecInfo& exec : List()) running |= !exec.has_ended();
    }
  }
  // The first frame of an exec call or an attachment.
  static agent::ExecStarted Started(TestingClient& client) {
    auto frame = client.Receive();
    EXPECT_THAT(frame, IsOk());
    return frame.value_or(agent::ServerFrame()).started();
  }
};

INSTANTIATE_TEST_SUITE_P(All, ExecKeepTest, ::testing::ValuesIn(AvailableTrees()), TreesName);

TEST_P(ExecKeepTest, GoesOnWithoutItsConnection) {
  TestingClient client = server_.Connect();
  client.Send(Kept("echo one; read line; echo two $line >&2; read line; echo three; exit 6"));
  const uint64_t id = Started(client).id();
  client.AwaitOutput("one\n");
  client.SendInput("x\n");
  client.Close();

  client = Attach(id);
  const agent::ExecStarted started = Started(client);
  EXPECT_EQ(started.id(), id);
  EXPECT_GT(started.pid(), 0u);
  EXPECT_EQ(started.lost_bytes(), 0u);
  client.SendInput("y\n");
  Result result = client.Finish();
  EXPECT_EQ(result.out, "one\nthree\n");
  EXPECT_EQ(result.err, "two x\n");
  EXPECT_EQ(result.ended.exit_code(), 6u);

  // Its result is still there.
  result = Attach(id).Finish();
  EXPECT_EQ(result.pid, 0u);
  EXPECT_EQ(result.out, "one\nthree\n");
  EXPECT_EQ(result.err, "two x\n");
  EXPECT_EQ(result.ended.exit_code(), 6u);
  EXPECT_GT(result.ended.duration_us(), 0u);
}

TEST_P(ExecKeepTest, KeepsTheLastOfMuchOutput) {
  TestingClient client = server_.Connect();
  client.Send(Kept("read line; head -c 1000000 /dev/zero | tr '\\0' x; echo end"));
  const uint64_t id = Started(client).id();
  client.SendInput("go\n");
  client.Close();
  AwaitEnds();
  client = Attach(id);
  EXPECT_EQ(Started(client).lost_bytes(), 1'000'004 - KeptOutput::kMaxBytes);
  EXPECT_EQ(client.Finish().out, std::string(KeptOutput::kMaxBytes - 4, 'x') + "end\n");
}

TEST_P(ExecKeepTest, OnlyWhatComesFromNowOnWhenAskedTo) {
  TestingClient client = server_.Connect();
  client.Send(Kept("echo one; read line; echo two"));
  const uint64_t id = Started(client).id();
  client.AwaitOutput("one\n");
  client.Close();
  client = Attach(id, /*skip=*/true);
  Started(client);
  client.SendInput("\n");
  EXPECT_EQ(client.Finish().out, "two\n");
}

TEST_P(ExecKeepTest, ANewAttachmentTakesOver) {
  TestingClient first = server_.Connect();
  first.Send(Kept("echo one; read line; echo two $line"));
  const uint64_t id = Started(first).id();
  first.AwaitOutput("one\n");
  TestingClient second = Attach(id);
  const Result result = first.Finish();
  EXPECT_EQ(result.error.code(), agent::Error::FAILED_PRECONDITION);
  EXPECT_THAT(result.error.message(), HasSubstr("another connection has attached to it"));
  second.SendInput("mine\n");
  EXPECT_EQ(second.Finish().out, "one\ntwo mine\n");
}

TEST_P(ExecKeepTest, TakesOverFromOneThatDoesNotRead) {
  TestingClient first = server_.Connect();
  first.Send(Kept("yes | head -c 4000000; echo end"));
  const uint64_t id = Started(first).id();
  first.AwaitOutput("y\n");
  TestingClient second = Attach(id, /*skip=*/true);
  EXPECT_THAT(second.Finish().out, HasSubstr("y\nend\n"));
}

TEST_P(ExecKeepTest, WhoDoesNotReadAndHangsUpStopsItNoLonger) {
  TestingClient client = server_.Connect();
  client.Send(Kept("yes | head -c 4000000; echo end"));
  const uint64_t id = Started(client).id();
  client.AwaitOutput("y\n");
  client.Close();
  AwaitEnds();
  EXPECT_THAT(Attach(id).Finish().out, HasSubstr("y\nend\n"));
}

TEST_P(ExecKeepTest, ATerminalIsKeptToo) {
  agent::Request request = Kept("echo one; read line; echo two");
  request.mutable_exec()->mutable_terminal();
  TestingClient client = server_.Connect();
  client.Send(request);
  const uint64_t id = Started(client).id();
  client.AwaitOutput("one\r\n");
  client.Close();
  client = Attach(id);
  Started(client);
  client.SendInput("in\r");
  EXPECT_EQ(client.Finish().out, "one\r\nin\r\ntwo\r\n");
}

TEST_P(ExecKeepTest, ATimeoutEndsItWithoutAConnection) {
  agent::Request request = Kept("sleep 1000");
  request.mutable_exec()->set_timeout_ms(100);
  TestingClient client = server_.Connect();
  client.Send(request);
  const uint64_t id = Started(client).id();
  client.Close();
  AwaitEnds();
  EXPECT_EQ(Attach(id).Finish().ended.reason(), ExecEnded::TIMED_OUT);
}

TEST_P(ExecKeepTest, AMissingProgramIsKeptAsWell) {
  agent::Request request = TestingClient::Exec({"/nonexistent"});
  request.mutable_exec()->set_keep(true);
  EXPECT_EQ(Run(request).ended.exit_code(), 127u);
  ASSERT_EQ(List().size(), 1u);
  EXPECT_EQ(Attach(List()[0].id()).Finish().ended.exit_code(), 127u);
}

TEST_P(ExecKeepTest, NobodyAttachesToWhatIsNotKept) {
  TestingClient client = server_.Connect();
  client.Send(Marked("echo ready; sleep 1000"));
  const uint64_t id = Started(client).id();
  Result result = Attach(id).Finish();
  EXPECT_EQ(result.error.code(), agent::Error::NOT_FOUND);
  EXPECT_THAT(result.error.message(), HasSubstr("it was not started with `keep`"));
  result = Attach(id + 1).Finish();
  EXPECT_EQ(result.error.code(), agent::Error::NOT_FOUND);
  client.Close();
}

TEST_P(ExecKeepTest, ListsWhatRunsAndWhatIsKept) {
  TestingClient kept = server_.Connect();
  kept.Send(Kept("echo ready; read line; exit 3"));
  const agent::ExecStarted started = Started(kept);
  kept.AwaitOutput("ready\n");
  TestingClient other = server_.Connect();
  other.Send(Marked("echo ready; sleep 1000"));
  const agent::ExecStarted other_started = Started(other);
  other.AwaitOutput("ready\n");

  std::vector<agent::ExecInfo> execs = List();
  ASSERT_EQ(execs.size(), 2u);
  EXPECT_EQ(execs[0].id(), started.id());
  EXPECT_EQ(execs[0].pid(), started.pid());
  EXPECT_EQ(execs[0].argv(0), "sh");
  EXPECT_EQ(execs[0].argv(2), "echo ready; read line; exit 3");
  EXPECT_TRUE(execs[0].keep());
  EXPECT_TRUE(execs[0].attached());
  EXPECT_FALSE(execs[0].has_ended());
  EXPECT_GT(execs[0].age_us(), 0u);
  EXPECT_EQ(execs[1].id(), other_started.id());
  EXPECT_FALSE(execs[1].keep());

  kept.SendInput("\n");
  kept.Finish();
  other.Close();
  server_.AwaitIdle();
  execs = List();
  ASSERT_EQ(execs.size(), 1u);
  EXPECT_EQ(execs[0].pid(), 0u);
  EXPECT_FALSE(execs[0].attached());
  EXPECT_EQ(execs[0].ended().exit_code(), 3u);
}

TEST_P(ExecKeepTest, ListsNoMoreOfLongArgumentsThanFits) {
  agent::Request request = Kept("read line");
  request.mutable_exec()->add_argv(std::string(1000, 'x'));
  request.mutable_exec()->add_argv("more");
  TestingClient client = server_.Connect();
  client.Send(request);
  Started(client);
  const std::vector<agent::ExecInfo> execs = List();
  ASSERT_EQ(execs.size(), 1u);
  size_t bytes = 0;
  for (const std::string& argument : execs[0].argv()) bytes += argument.size();
  EXPECT_EQ(bytes, 256u);
}

TEST_P(ExecKeepTest, KillsTheWholeTreeById) {
  TestingClient client = server_.Connect();
  client.Send(Marked("trap '' TERM; sh -c 'echo ready; sleep 1000' \"$0\" & wait"));
  const uint64_t id = Started(client).id();
  client.AwaitOutput("ready\n");
  EXPECT_TRUE(Kill(id).has_done());
  const Result result = client.Finish();
  EXPECT_EQ(result.ended.reason(), ExecEnded::SIGNALED);
  EXPECT_EQ(result.ended.signal(), static_cast<uint32_t>(SIGKILL));
}

TEST_P(ExecKeepTest, SignalsById) {
  TestingClient client = server_.Connect();
  client.Send(Kept("trap 'exit 9' USR1; echo ready; while :; do sleep 0.01; done"));
  const uint64_t id = Started(client).id();
  client.AwaitOutput("ready\n");
  EXPECT_TRUE(Kill(id, SIGUSR1).has_done());
  EXPECT_EQ(client.Finish().ended.exit_code(), 9u);
  EXPECT_TRUE(Kill(id).has_done()) << "its end came first";
  EXPECT_EQ(Kill(id, 65).error().message(), "signal: 65 is outside 0 to 64");
  EXPECT_EQ(Kill(id + 1).error().code(), agent::Error::NOT_FOUND);
}

TEST_P(ExecKeepTest, AKilledOneThatIsKeptHasItsResult) {
  TestingClient client = server_.Connect();
  client.Send(Kept("echo ready; sleep 1000"));
  const uint64_t id = Started(client).id();
  client.AwaitOutput("ready\n");
  client.Close();
  EXPECT_TRUE(Kill(id).has_done());
  AwaitEnds();
  const Result result = Attach(id).Finish();
  EXPECT_EQ(result.out, "ready\n");
  EXPECT_EQ(result.ended.signal(), static_cast<uint32_t>(SIGKILL));
}

TEST_P(ExecKeepTest, TheOldestResultIsGivenUpForANewOne) {
  agent::Request request = TestingClient::Exec({"true"});
  request.mutable_exec()->set_keep(true);
  std::vector<uint64_t> ids;
  for (size_t i = 0; i <= ExecTable::kMaxKept; ++i) {
    TestingClient client = server_.Connect();
    client.Send(request);
    ids.push_back(Started(client).id());
    client.Finish();
  }
  EXPECT_EQ(List().size(), ExecTable::kMaxKept);
  EXPECT_EQ(Attach(ids[0]).Finish().error.code(), agent::Error::NOT_FOUND);
  EXPECT_EQ(Attach(ids[1]).Finish().ended.exit_code(), 0u);
}

TEST_P(ExecKeepTest, WhatRunsIsNotGivenUp) {
  std::vector<std::unique_ptr<TestingClient>> clients;
  for (size_t i = 0; i < ExecTable::kMaxKept; ++i) {
    clients.push_back(std::make_unique<TestingClient>(server_.Connect()));
    clients.back()->Send(Kept("read line"));
    Started(*clients.back());
  }
  const Result result = Run(Kept("true"));
  EXPECT_EQ(result.error.code(), agent::Error::RESOURCE_EXHAUSTED);
  EXPECT_EQ(result.error.message(),
            "keep: 32 execs that keep their output run already; end one of them");
}

TEST_P(ExecKeepTest, TheConfigurationIsEnforced) {
  agent::Request request;
  request.mutable_configure()->add_allowed_commands("echo");
  EXPECT_TRUE(Ask(request).has_done());
  EXPECT_EQ(Ask(request).error().code(), agent::Error::FAILED_PRECONDITION);
  EXPECT_EQ(Run(TestingClient::Exec({"echo", "x"})).out, "x\n");
  const Result result = Run(TestingClient::Exec({"sh", "-c", "echo x"}));
  EXPECT_EQ(result.error.code(), agent::Error::PERMISSION_DENIED);
  EXPECT_THAT(result.error.message(), HasSubstr("argv[0]: sh is not among the commands"));
}

}  // namespace
}  // namespace voidbox

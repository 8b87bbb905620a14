// Commands through a CallService and its streams, over both kinds of process trees.
#include <gtest/gtest.h>
#include <signal.h>

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/exec_testing.h"
#include "base/status_matchers.h"

namespace voidbox {
namespace {

using agent::ExecEnded;

INSTANTIATE_TEST_SUITE_P(All, ExecTest, ::testing::ValuesIn(AvailableTrees()), TreesName);

TEST_P(ExecTest, StartedComesFirst) {
  TestingClient client = server_.Connect();
  client.Send(TestingClient::Shell("echo x"));
  auto frame = client.Receive();
  ASSERT_THAT(frame, IsOk());
  EXPECT_TRUE(frame->has_started());
  client.Finish();
}

// It is held for a while, to go with what comes next.
TEST_P(ExecTest, ASilentCommandHasStartedToo) {
  TestingClient client = server_.Connect();
  client.Send(TestingClient::Exec({"sleep", "1000"}));
  auto frame = client.Receive();
  ASSERT_THAT(frame, IsOk());
  ASSERT_TRUE(frame->has_started());
  client.Signal(SIGTERM);
  EXPECT_EQ(client.Finish().ended.signal(), static_cast<uint32_t>(SIGTERM));
}

TEST_P(ExecTest, ASignalFromWithinIsTold) {
  const Result result = Run(TestingClient::Shell("kill -USR1 $$"));
  EXPECT_EQ(result.ended.reason(), ExecEnded::SIGNALED);
  EXPECT_EQ(result.ended.signal(), static_cast<uint32_t>(SIGUSR1));
}

TEST_P(ExecTest, ASignalOfTheHostReachesTheProcess) {
  TestingClient client = server_.Connect();
  client.Send(
      TestingClient::Shell("trap 'echo caught; exit 3' TERM; echo ready; while :; do "
                           "sleep 0.01; done"));
  client.AwaitOutput("ready");
  client.Signal(SIGTERM);
  const Result result = client.Finish();
  EXPECT_EQ(result.out, "caught\n");
  EXPECT_EQ(result.ended.exit_code(), 3u);
}

TEST_P(ExecTest, ManyInARowAndNothingIsLeft) {
  Run(TestingClient::Exec({"true"}));
  server_.AwaitIdle();
  const size_t before = OpenDescriptors();
  for (int i = 0; i < 200; ++i) {
    const Result result = Run(Marked(absl::StrCat("echo ", i, "; exit ", i % 100)));
    ASSERT_EQ(result.out, absl::StrCat(i, "\n"));
    ASSERT_EQ(result.ended.exit_code(), static_cast<uint32_t>(i % 100));
  }
  server_.AwaitIdle();
  EXPECT_EQ(OpenDescriptors(), before);
}

TEST_P(ExecTest, SixteenAtOnceKeepTheirOutputsApart) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([this, i] {
      const std::string line = absl::StrCat("line-of-", i);
      const Result result = Run(
          Marked(absl::StrCat("yes ", line, " | head -n 20000; echo ", line, " >&2; exit ", i)));
      EXPECT_EQ(result.err, line + "\n");
      EXPECT_EQ(result.ended.exit_code(), static_cast<uint32_t>(i));
      std::string expected;
      for (int n = 0; n < 20000; ++n) expected += line + "\n";
      EXPECT_TRUE(result.out == expected);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_P(ExecTest, AFrameThatDoesNotBelongEndsTheCall) {
  TestingClient client = server_.Connect();
  client.Send(Marked("echo ready; sleep 1000"));
  client.AwaitOutput("ready");
  client.SendInput("x");
  const Result result = client.Finish();
  EXPECT_EQ(result.error.code(), agent::Error::INVALID_ARGUMENT);
  EXPECT_EQ(result.error.message(), "stdin: the request did not ask for standard input");
  EXPECT_EQ(result.ended.reason(), ExecEnded::REASON_UNSPECIFIED);
}

TEST_P(ExecTest, BadFramesOfARunningCall) {
  auto error_after = [&](const std::function<void(TestingClient&)>& send) {
    agent::Request request = Marked("echo ready; sleep 1000");
    request.mutable_exec()->set_stdin(true);
    TestingClient client = server_.Connect();
    client.Send(request);
    client.AwaitOutput("ready");
    send(client);
    return client.Finish().error.message();
  };
  EXPECT_EQ(error_after([](TestingClient& client) { client.Signal(65); }),
            "signal: 65 is outside 1 to 64");
  EXPECT_EQ(error_after([](TestingClient& client) { client.Signal(0); }),
            "signal: 0 is outside 1 to 64");
  EXPECT_EQ(error_after([](TestingClient& client) { client.Send(agent::ClientFrame()); }),
            "frame: none of stdin, close_stdin, signal and resize");
  EXPECT_EQ(error_after([](TestingClient& client) { client.SendInput(std::string(70'000, 'x')); }),
            "frame of 70004 bytes is longer than the limit of 65552");
  EXPECT_EQ(error_after([](TestingClient& client) {
              client.EndInput();
              client.SendInput("x");
            }),
            "stdin: comes after close_stdin");
  EXPECT_EQ(error_after([](TestingClient& client) {
              client.SendBytes(std::string("\3\0\0\0\xff\xff\xff", 7));
            }),
            "frame of 3 bytes: not a ClientFrame");
}

}  // namespace
}  // namespace voidbox

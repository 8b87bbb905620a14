// What comes before and beside commands, with a fake in place of them.
#include "agent/call_service.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/testing_client.h"
#include "agent/testing_server.h"
#include "base/status_matchers.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;
using Result = TestingClient::Result;

class CallServiceTest : public ::testing::Test {
 protected:
  ~CallServiceTest() override { server_.AwaitIdle(); }
  agent::Error ErrorAfterBytes(const std::string& bytes) {
    TestingClient client = server_.Connect();
    client.SendBytes(bytes);
    client.HalfClose();
    const Result result = client.Finish();
    EXPECT_THAT(result.end, StatusIs(absl::StatusCode::kOutOfRange, "end of stream"));
    return result.error;
  }
  agent::Error ErrorOf(const agent::Request& request) {
    return server_.Connect().Run(request).error;
  }

  TestingServer server_{{.max_connections = 4}};
};

TEST_F(CallServiceTest, Health) {
  TestingClient running = server_.Connect();
  running.Send(TestingClient::Shell("echo ready; sleep 1000"));
  running.AwaitOutput("ready");
  TestingClient client = server_.Connect();
  agent::Request request;
  request.mutable_health();
  client.Send(request);
  auto frame = client.Receive();
  ASSERT_THAT(frame, IsOk());
  EXPECT_EQ(frame->health().version(), "test");
  EXPECT_GT(frame->health().uptime_ms(), 0u);
  EXPECT_EQ(frame->health().running_execs(), 1u);
  EXPECT_THAT(client.Receive(), StatusIs(absl::StatusCode::kOutOfRange, "end of stream"));
}

TEST_F(CallServiceTest, ShutdownIsAnsweredThenDone) {
  TestingClient client = server_.Connect();
  agent::Request request;
  request.mutable_shutdown();
  client.Send(request);
  auto frame = client.Receive();
  ASSERT_THAT(frame, IsOk());
  EXPECT_TRUE(frame->has_shutdown());
  EXPECT_THAT(client.Receive(), StatusIs(absl::StatusCode::kOutOfRange, "end of stream"));
  client.Close();
  server_.AwaitIdle();
  EXPECT_EQ(server_.shutdowns(), 1u);
}

TEST_F(CallServiceTest, ShutdownDoesNotWaitForAHostThatNeverHangsUp) {
  TestingClient client = server_.Connect();
  agent::Request request;
  request.mutable_shutdown();
  client.Send(request);
  server_.AwaitIdle();
  EXPECT_EQ(server_.shutdowns(), 1u);
}

TEST_F(CallServiceTest, RefusesARequestWithoutACall) {
  const agent::Error error = ErrorOf(agent::Request());
  EXPECT_EQ(error.code(), agent::Error::INVALID_ARGUMENT);
  EXPECT_EQ(error.message(), "request: no call that this agent knows");
}

TEST_F(CallServiceTest, RefusesGarbage) {
  const agent::Error error = ErrorAfterBytes(std::string("\3\0\0\0\xff\xff\xff", 7));
  EXPECT_EQ(error.code(), agent::Error::INVALID_ARGUMENT);
  EXPECT_EQ(error.message(), "frame of 3 bytes: not a Request");
}

TEST_F(CallServiceTest, RefusesAnOversizedFrame) {
  const agent::Error error = ErrorAfterBytes("GET / HTTP/1.1\r\n\r\n");
  EXPECT_EQ(error.code(), agent::Error::RESOURCE_EXHAUSTED);
  EXPECT_THAT(error.message(), HasSubstr("is longer than the limit of 4194304"));
}

TEST_F(CallServiceTest, RefusesATruncatedFrame) {
  EXPECT_EQ(ErrorAfterBytes(std::string("\3\0\0\0\xff", 5)).message(),
            "stream ends inside a frame");
  EXPECT_EQ(ErrorAfterBytes(std::string("\3\0", 2)).message(), "stream ends inside a frame");
}

TEST_F(CallServiceTest, AnEmptyStreamIsNothing) { EXPECT_EQ(ErrorAfterBytes("").message(), ""); }

TEST_F(CallServiceTest, TakesARequestByteByByte) {
  std::string bytes;
  ASSERT_THAT(AppendFrame(TestingClient::Exec({"echo", "slow"}), bytes), IsOk());
  TestingClient client = server_.Connect();
  for (const char byte : bytes) client.SendBytes(absl::string_view(&byte, 1));
  EXPECT_EQ(client.Finish().out, "slow\n");
}

// A frame's header that announces so many bytes.
std::string FrameHeader(uint32_t bytes) {
  std::string header;
  for (int shift = 0; shift < 32; shift += 8) header += static_cast<char>(bytes >> shift);
  return header;
}

// With a server of its own, the only one of its process: two would take each other's SIGCHLD.
TEST(CallServicePendingTest, UnfinishedRequestsHoldNoMoreTogetherThanTheyMay) {
  TestingServer server({.max_connections = 256});
  const std::string most = FrameHeader(kMaxRequestBytes) + std::string(kMaxRequestBytes - 1, 'x');
  std::vector<TestingClient> holders;
  // One less than fills it, since the first bytes of each are free.
  for (size_t i = 0; i < CallService::kMaxPendingBytes / kMaxRequestBytes; ++i) {
    holders.push_back(server.Connect());
    holders.back().SendBytes(most);
  }
  server.AwaitTurn();
  TestingClient client = server.Connect();
  // It is refused before it has sent all.
  static_cast<void>(WriteAll(client.fd(), absl::string_view(most).substr(0, 1 << 20)));
  const Result result = client.Finish();
  EXPECT_EQ(result.error.code(), agent::Error::RESOURCE_EXHAUSTED);
  EXPECT_THAT(result.error.message(), HasSubstr("requests: unfinished ones hold "));
  EXPECT_THAT(result.error.message(), HasSubstr("more than the limit of 16777216"));
  // Small ones are served all the same, and large ones once there is room.
  EXPECT_EQ(server.Connect().Run(TestingClient::Exec({"echo", "x"})).out, "x\n");
  holders.pop_back();
  holders.pop_back();
  server.AwaitTurn();
  agent::Request request = TestingClient::Exec({"sh", "-c", "echo $#", "sh"});
  for (int i = 0; i < 10; ++i) request.mutable_exec()->add_argv(std::string(100'000, 'a'));
  EXPECT_EQ(server.Connect().Run(request).out, "10\n");
  holders.clear();
  server.AwaitIdle();
}

// Some forty bytes each when they are parsed.
TEST_F(CallServiceTest, RefusesARequestOfMillionsOfEmptyStringsBeforeItIsParsed) {
  agent::Request request = TestingClient::Exec({"true"});
  for (int i = 0; i < 2'000'000; ++i) request.mutable_exec()->add_argv("");
  TestingClient client = server_.Connect();
  client.Send(request);
  const Result result = client.Finish();
  EXPECT_EQ(result.error.code(), agent::Error::INVALID_ARGUMENT);
  EXPECT_THAT(result.error.message(), HasSubstr("more fields than the limit of 262144"));
}

TEST_F(CallServiceTest, RefusesOneConnectionTooMany) {
  std::vector<TestingClient> clients;
  for (int i = 0; i < 4; ++i) clients.push_back(server_.Connect());
  const Result result = server_.Connect().Finish();
  EXPECT_EQ(result.error.code(), agent::Error::RESOURCE_EXHAUSTED);
  EXPECT_EQ(result.error.message(), "connections: the limit of 4 is reached");
  clients.clear();
  server_.AwaitIdle();
  EXPECT_EQ(server_.Connect().Run(TestingClient::Exec({"echo", "x"})).out, "x\n");
}

TEST_F(CallServiceTest, RefusesBadCommands) {
  agent::Request request;
  request.mutable_exec();
  EXPECT_EQ(ErrorOf(request).message(), "argv: empty");
  EXPECT_EQ(ErrorOf(request).code(), agent::Error::INVALID_ARGUMENT);
}

}  // namespace
}  // namespace voidbox

#include "agent/connection.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>

#include <algorithm>
#include <string>

#include "agent/error_frame.h"
#include "base/frame.h"
#include "base/io.h"
#include "base/status_matchers.h"

namespace voidbox {
namespace {

class ConnectionTest : public ::testing::Test {
 protected:
  ConnectionTest() {
    // As every user of Connection does.
    EXPECT_NE(::signal(SIGPIPE, SIG_IGN), SIG_ERR);
    int pair[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    connection_.emplace(UniqueFd(pair[0]));
    host_.Reset(pair[1]);
    EXPECT_EQ(::fcntl(host_.get(), F_SETFL, 0), 0);
  }
  void SendOutput(Connection::Output output, const std::string& bytes) {
    std::copy(bytes.begin(), bytes.end(), connection_->ReserveOutput());
    connection_->CommitOutput(output, bytes.size());
  }
  agent::ServerFrame Receive() {
    agent::ServerFrame frame;
    EXPECT_THAT(ReadFrame(host_.get(), frame), IsOk());
    return frame;
  }
  std::optional<Connection> connection_;
  UniqueFd host_;
};

TEST_F(ConnectionTest, OutputIsAFrameLikeAnyOther) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{127}, size_t{128}, size_t{16384},
                            Connection::kMaxOutputPieceBytes}) {
    const std::string bytes(size, 'x');
    SendOutput(Connection::Output::kStdout, bytes);
    SendOutput(Connection::Output::kStderr, bytes);
    ASSERT_TRUE(connection_->Flush());
    const agent::ServerFrame out = Receive(), err = Receive();
    ASSERT_TRUE(out.has_stdout() && err.has_stderr()) << size;
    EXPECT_EQ(out.stdout(), bytes);
    EXPECT_EQ(err.stderr(), bytes);
  }
}

TEST_F(ConnectionTest, AFrameThatGoesWithTheNextIsOneWriteWithIt) {
  agent::ServerFrame started, ended;
  started.mutable_started()->set_id(7);
  ended.mutable_ended();
  connection_->SendWithNext(started);
  EXPECT_FALSE(connection_->WaitsForStream());
  ASSERT_TRUE(connection_->Flush());
  char byte;
  EXPECT_EQ(::recv(host_.get(), &byte, 1, MSG_DONTWAIT), -1);
  connection_->Send(ended);
  EXPECT_TRUE(connection_->WaitsForStream());
  ASSERT_TRUE(connection_->Flush());
  EXPECT_EQ(Receive().started().id(), 7);
  EXPECT_TRUE(Receive().has_ended());
}

TEST_F(ConnectionTest, AFrameThatGoesWithTheNextGoesWithOutputOrWhenReleased) {
  agent::ServerFrame started;
  started.mutable_started();
  connection_->SendWithNext(started);
  SendOutput(Connection::Output::kStdout, "x");
  ASSERT_TRUE(connection_->Flush());
  EXPECT_TRUE(Receive().has_started());
  EXPECT_EQ(Receive().stdout(), "x");
  connection_->SendWithNext(started);
  connection_->Release();
  ASSERT_TRUE(connection_->Flush());
  EXPECT_TRUE(Receive().has_started());
}

TEST_F(ConnectionTest, WhatTheStreamDoesNotTakeWaitsAndKeepsItsOrder) {
  std::string expected;
  for (char c = 'a'; !connection_->BackedUp(); c = c == 'z' ? 'a' : c + 1) {
    const std::string bytes(Connection::kMaxOutputPieceBytes, c);
    SendOutput(Connection::Output::kStdout, bytes);
    expected += bytes;
    ASSERT_TRUE(connection_->Flush());
  }
  EXPECT_GT(connection_->unsent(), Connection::kOutputLimit);
  std::string got;
  while (got.size() < expected.size()) {
    got += Receive().stdout();
    ASSERT_TRUE(connection_->Flush());
  }
  EXPECT_TRUE(got == expected);
  EXPECT_EQ(connection_->unsent(), 0u);
}

TEST_F(ConnectionTest, ASealedConnectionSendsOnlyWhatItHas) {
  connection_->Send(ErrorFrame(absl::InvalidArgumentError("bad")));
  connection_->Seal();
  SendOutput(Connection::Output::kStdout, "late");
  connection_->Send(agent::ServerFrame());
  ASSERT_TRUE(connection_->Flush());
  EXPECT_EQ(Receive().error().message(), "bad");
  connection_->Close();
  agent::ServerFrame frame;
  EXPECT_THAT(ReadFrame(host_.get(), frame),
              StatusIs(absl::StatusCode::kOutOfRange, "end of stream"));
}

TEST_F(ConnectionTest, SaysWhenThePeerIsGone) {
  EXPECT_TRUE(connection_->Receive());
  host_.Reset();
  EXPECT_FALSE(connection_->Receive());
  connection_->Send(agent::ServerFrame());
  EXPECT_FALSE(connection_->Flush());
}

}  // namespace
}  // namespace voidbox

#include "sandbox/exec_session.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/frame.h"
#include "base/io.h"
#include "base/status_matchers.h"
#include "base/unix_socket.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

using ::testing::_;
using ::testing::HasSubstr;

std::pair<UniqueFd, UniqueFd> Pipe() {
  int fds[2];
  EXPECT_EQ(::pipe2(fds, O_CLOEXEC), 0);
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

// A session whose agent is this test.
class ExecSessionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ::signal(SIGPIPE, SIG_IGN);
    loop_ = *EventLoop::Create();
    std::tie(input_read_, input_write_) = Pipe();
    std::tie(output_read_, output_write_) = Pipe();
    std::tie(error_read_, error_write_) = Pipe();
    for (const int fd : {output_read_.get(), error_read_.get()}) ::fcntl(fd, F_SETFL, O_NONBLOCK);
  }

  void Start(std::optional<uint32_t> port = std::nullopt, ExecSession::Streams streams = {}) {
    auto pair = *UnixSocketPair();
    agent_ = std::move(pair.second);
    agent::Request call;
    call.mutable_exec()->add_argv("program");
    streams.input = input_fd_ >= 0 ? input_fd_ : input_read_.get();
    streams.output = output_write_.get();
    streams.error = error_write_.get();
    auto session = ExecSession::Start(
        *loop_, std::move(pair.first), port, call, streams,
        {.ended = [this](absl::StatusOr<agent::ExecEnded> ended) { ended_ = std::move(ended); }});
    ASSERT_THAT(session, IsOk());
    session_ = *std::move(session);
  }

  void Turn() {
    ASSERT_THAT(loop_->RunOnce(absl::Milliseconds(1)), IsOk());
    char bytes[64 << 10];
    const ssize_t got = ::recv(agent_.get(), bytes, sizeof(bytes), MSG_DONTWAIT);
    if (got > 0) heard_.append(bytes, static_cast<size_t>(got));
  }
  void RunUntil(const std::function<bool()>& done) {
    const absl::Time deadline = absl::Now() + absl::Seconds(60);
    while (!done()) {
      ASSERT_LT(absl::Now(), deadline) << "nothing more happens";
      Turn();
    }
  }
  // The next frame that the session sent.
  template <typename Message>
  Message Hear() {
    Message message;
    RunUntil([&] {
      reader_.Append(std::exchange(heard_, ""));
      const auto payload = reader_.Next();
      if (!payload.ok() || !payload->has_value()) return false;
      EXPECT_TRUE(message.ParseFromArray((*payload)->data(), static_cast<int>((*payload)->size())));
      return true;
    });
    return message;
  }
  void Say(const agent::ServerFrame& frame) {
    ASSERT_THAT(WriteFrame(agent_.get(), frame), IsOk());
  }
  void SayStarted() {
    agent::ServerFrame frame;
    frame.mutable_started()->set_pid(7);
    Say(frame);
  }
  void SayOutput(const std::string& bytes) {
    agent::ServerFrame frame;
    frame.set_stdout(bytes);
    Say(frame);
  }
  void SayEnded(uint32_t exit_code) {
    agent::ServerFrame frame;
    frame.mutable_ended()->set_reason(agent::ExecEnded::EXITED);
    frame.mutable_ended()->set_exit_code(exit_code);
    Say(frame);
  }
  static std::string Take(const UniqueFd& fd) {
    std::string bytes(64 << 10, '\0');
    const ssize_t got = ::read(fd.get(), bytes.data(), bytes.size());
    bytes.resize(got > 0 ? static_cast<size_t>(got) : 0);
    return bytes;
  }

  std::unique_ptr<EventLoop> loop_;
  UniqueFd input_read_, input_write_, output_read_, output_write_, error_read_, error_write_;
  int input_fd_ = -1;
  UniqueFd agent_;
  std::string heard_;
  FrameReader reader_;
  std::optional<absl::StatusOr<agent::ExecEnded>> ended_;
  std::unique_ptr<ExecSession> session_;
};

TEST_F(ExecSessionTest, PassesOutputAndTheEnd) {
  Start();
  const auto request = Hear<agent::Request>();
  EXPECT_EQ(request.exec().argv(0), "program");
  EXPECT_TRUE(request.exec().stdin());
  SayStarted();
  SayOutput("out");
  agent::ServerFrame error;
  error.set_stderr("err");
  Say(error);
  SayEnded(9);
  RunUntil([&] { return ended_.has_value(); });
  ASSERT_THAT(*ended_, IsOk());
  EXPECT_EQ((*ended_)->exit_code(), 9u);
  EXPECT_EQ(Take(output_read_), "out");
  EXPECT_EQ(Take(error_read_), "err");
}

TEST_F(ExecSessionTest, AsksAVmmForThePortFirst) {
  Start(1234);
  RunUntil([&] { return heard_.find('\n') != std::string::npos; });
  EXPECT_EQ(heard_.substr(0, 13), "CONNECT 1234\n");
  heard_.erase(0, 13);
  EXPECT_EQ(Hear<agent::Request>().exec().argv(0), "program");
  // The answer in two pieces, the second with a frame behind it.
  ASSERT_THAT(WriteAll(agent_.get(), "OK 10"), IsOk());
  for (int i = 0; i < 10; ++i) Turn();
  std::string rest = "73741824\n";
  agent::ServerFrame ended;
  ended.mutable_ended()->set_exit_code(4);
  ASSERT_THAT(AppendFrame(ended, rest), IsOk());
  ASSERT_THAT(WriteAll(agent_.get(), rest), IsOk());
  RunUntil([&] { return ended_.has_value(); });
  ASSERT_THAT(*ended_, IsOk());
  EXPECT_EQ((*ended_)->exit_code(), 4u);
}

TEST_F(ExecSessionTest, RefusesAWrongAnswerOfTheVmm) {
  for (const char* answer : {"NO\n", "OKAY\n", "OK 1234567890123456789012345678901234567890"}) {
    ended_.reset();
    Start(1234);
    ASSERT_THAT(WriteAll(agent_.get(), answer), IsOk());
    RunUntil([&] { return ended_.has_value(); });
    EXPECT_THAT(*ended_, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("CONNECT"))) << answer;
  }
  ended_.reset();
  Start(1234);
  agent_.Reset();
  RunUntil([&] { return ended_.has_value(); });
  EXPECT_THAT(*ended_, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("refused")));
}

TEST_F(ExecSessionTest, PassesInputAndItsEndOnceTheCommandRuns) {
  Start();
  Hear<agent::Request>();
  ASSERT_EQ(::write(input_write_.get(), "typed", 5), 5);
  for (int i = 0; i < 20; ++i) Turn();
  EXPECT_EQ(heard_, "");
  SayStarted();
  EXPECT_EQ(Hear<agent::ClientFrame>().stdin(), "typed");
  input_write_.Reset();
  EXPECT_TRUE(Hear<agent::ClientFrame>().has_close_stdin());
}

TEST_F(ExecSessionTest, PassesARegularFile) {
  const std::string path = ::testing::TempDir() + "/exec_session_input";
  const std::string contents(300'000, 'f');
  ASSERT_THAT(WriteFileAtomically(path, contents), IsOk());
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  input_fd_ = file.get();
  Start();
  Hear<agent::Request>();
  SayStarted();
  std::string passed;
  for (;;) {
    const auto frame = Hear<agent::ClientFrame>();
    if (frame.has_close_stdin()) break;
    passed += frame.stdin();
  }
  EXPECT_TRUE(passed == contents);
}

TEST_F(ExecSessionTest, AnAgentThatTakesNoInputIsNotBufferedFor) {
  Start();
  Hear<agent::Request>();
  SayStarted();
  for (int i = 0; i < 10; ++i) Turn();
  // From here on nothing is read from the session.
  ::fcntl(input_write_.get(), F_SETFL, O_NONBLOCK);
  const std::string bytes(4096, 'i');
  size_t taken = 0;
  for (int idle = 0; idle < 500;) {
    const ssize_t wrote = ::write(input_write_.get(), bytes.data(), bytes.size());
    idle = wrote > 0 ? 0 : idle + 1;
    if (wrote > 0) taken += static_cast<size_t>(wrote);
    ASSERT_LT(taken, 4u << 20);
    ASSERT_THAT(loop_->RunOnce(absl::ZeroDuration()), IsOk());
  }
  // It goes on when the agent reads again, and nothing is lost.
  input_write_.Reset();
  size_t passed = 0;
  for (;;) {
    const auto frame = Hear<agent::ClientFrame>();
    if (frame.has_close_stdin()) break;
    passed += frame.stdin().size();
  }
  EXPECT_EQ(passed, taken);
}

TEST_F(ExecSessionTest, ASlowReaderSlowsTheAgentAndLosesNothing) {
  Start();
  Hear<agent::Request>();
  SayStarted();
  agent::ServerFrame frame;
  frame.set_stdout(std::string(32 << 10, 'o'));
  std::string wire;
  ASSERT_THAT(AppendFrame(frame, wire), IsOk());
  size_t frames = 0, sent = 0;
  for (int idle = 0; idle < 500;) {
    const ssize_t n =
        ::send(agent_.get(), wire.data() + sent, wire.size() - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    idle = n > 0 ? 0 : idle + 1;
    if (n > 0) sent += static_cast<size_t>(n);
    if (sent == wire.size()) {
      sent = 0;
      ++frames;
    }
    ASSERT_LT(frames, 64u);  // 2 MiB: it is not buffered without end
    ASSERT_THAT(loop_->RunOnce(absl::ZeroDuration()), IsOk());
  }
  size_t read = 0;
  RunUntil([&] {
    read += Take(output_read_).size();
    if (sent > 0) {
      const ssize_t n =
          ::send(agent_.get(), wire.data() + sent, wire.size() - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n > 0) sent += static_cast<size_t>(n);
      if (sent == wire.size()) {
        sent = 0;
        ++frames;
      }
    }
    return sent == 0 && read == frames * (32 << 10);
  });
  SayEnded(0);
  RunUntil([&] { return ended_.has_value(); });
  EXPECT_THAT(*ended_, IsOk());
}

TEST_F(ExecSessionTest, TheEndWaitsForAllOutputToBeWritten) {
  Start();
  Hear<agent::Request>();
  SayStarted();
  const std::string bytes(64 << 10, 'o');
  SayOutput(bytes);
  SayOutput(bytes);
  SayEnded(0);
  agent_.Reset();
  // The pipe holds 64 KiB.
  for (int i = 0; i < 50; ++i) ASSERT_THAT(loop_->RunOnce(absl::Milliseconds(1)), IsOk());
  EXPECT_FALSE(ended_.has_value());
  size_t read = 0;
  const absl::Time deadline = absl::Now() + absl::Seconds(60);
  while (!ended_.has_value() && absl::Now() < deadline) {
    read += Take(output_read_).size();
    ASSERT_THAT(loop_->RunOnce(absl::Milliseconds(1)), IsOk());
  }
  read += Take(output_read_).size();
  EXPECT_EQ(read, 2 * bytes.size());
  ASSERT_TRUE(ended_.has_value());
  EXPECT_THAT(*ended_, IsOk());
}

TEST_F(ExecSessionTest, TellsWhenTheOutputsReaderIsGone) {
  Start();
  Hear<agent::Request>();
  SayStarted();
  output_read_.Reset();
  SayOutput("lost");
  RunUntil([&] { return ended_.has_value(); });
  EXPECT_THAT(*ended_, StatusIs(absl::StatusCode::kCancelled, HasSubstr("output")));
}

TEST_F(ExecSessionTest, TellsWhyTheOutputCannotBeWritten) {
  output_write_.Reset(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  Start();
  Hear<agent::Request>();
  SayStarted();
  SayOutput("lost");
  RunUntil([&] { return ended_.has_value(); });
  EXPECT_THAT(*ended_,
              StatusIs(absl::StatusCode::kResourceExhausted,
                       HasSubstr("cannot write the command's output: write: No space left")));
}

TEST_F(ExecSessionTest, SignalsWaitForTheCommandToRun) {
  Start();
  Hear<agent::Request>();
  session_->Signal(SIGTERM);
  for (int i = 0; i < 20; ++i) Turn();
  EXPECT_EQ(heard_, "");
  SayStarted();
  EXPECT_EQ(Hear<agent::ClientFrame>().signal().number(), static_cast<uint32_t>(SIGTERM));
  session_->Signal(SIGINT);
  EXPECT_EQ(Hear<agent::ClientFrame>().signal().number(), static_cast<uint32_t>(SIGINT));
}

TEST_F(ExecSessionTest, DestroyingItHangsUp) {
  Start();
  Hear<agent::Request>();
  session_.reset();
  char byte;
  EXPECT_EQ(::recv(agent_.get(), &byte, 1, 0), 0);
}

// What a hostile guest may answer.

TEST_F(ExecSessionTest, RefusesGarbageEndlessFramesAndHangUps) {
  const std::pair<std::string, absl::StatusCode> cases[] = {
      {std::string("\xff\xff\xff\xff", 4), absl::StatusCode::kResourceExhausted},
      {std::string("\3\0\0\0\xff\xff\xff", 7), absl::StatusCode::kDataLoss},
      {std::string("\0\0\0\0", 4), absl::StatusCode::kDataLoss},   // a frame without a meaning
      {std::string("\5\0\0\0x", 5), absl::StatusCode::kDataLoss},  // ends inside
      {"", absl::StatusCode::kUnavailable},
  };
  for (const auto& [bytes, code] : cases) {
    ended_.reset();
    Start();
    ASSERT_THAT(WriteAll(agent_.get(), bytes), IsOk());
    ::shutdown(agent_.get(), SHUT_WR);
    RunUntil([&] { return ended_.has_value(); });
    EXPECT_THAT(*ended_, StatusIs(code, _));
  }
}

TEST_F(ExecSessionTest, RefusesFramesThatDoNotBelong) {
  agent::ServerFrame started, output, error, metrics;
  started.mutable_started()->set_pid(7);
  output.set_stdout("early");
  error.set_stderr("early");
  metrics.mutable_metrics();
  const std::vector<std::vector<agent::ServerFrame>> cases = {
      {output}, {error}, {metrics}, {started, started}, {started, metrics}};
  for (const auto& frames : cases) {
    ended_.reset();
    Start();
    for (const agent::ServerFrame& frame : frames) Say(frame);
    RunUntil([&] { return ended_.has_value(); });
    EXPECT_THAT(*ended_, StatusIs(absl::StatusCode::kDataLoss, HasSubstr("does not belong")));
  }
  EXPECT_EQ(Take(output_read_), "");
}

TEST_F(ExecSessionTest, NothingIsTakenBehindTheEnd) {
  Start();
  Hear<agent::Request>();
  SayStarted();
  SayOutput("out");
  SayEnded(3);
  SayOutput("more");
  SayEnded(4);
  RunUntil([&] { return ended_.has_value(); });
  ASSERT_THAT(*ended_, IsOk());
  EXPECT_EQ((*ended_)->exit_code(), 3u);
  for (int i = 0; i < 20; ++i) Turn();
  EXPECT_EQ(Take(output_read_), "out");
}

TEST_F(ExecSessionTest, OutputThatGoesToATerminalDoesNotCommandIt) {
  Start(std::nullopt, {.printable_output = true});
  Hear<agent::Request>();
  SayStarted();
  SayOutput("\x1b]0;title\x07 \xc3");
  SayOutput("\xa9\r\n\xc2");
  agent::ServerFrame error;
  error.set_stderr("\x1b[m");
  Say(error);
  SayEnded(0);
  RunUntil([&] { return ended_.has_value(); });
  EXPECT_EQ(Take(output_read_), "\\x1b]0;title\\x07 \xc3\xa9\r\n\\xc2");
  EXPECT_EQ(Take(error_read_), "\x1b[m") << "which is no terminal";
}

TEST_F(ExecSessionTest, OutputBeyondItsBoundIsThrownAway) {
  Start(std::nullopt, {.max_bytes = 5});
  Hear<agent::Request>();
  SayStarted();
  for (int i = 0; i < 100; ++i) SayOutput("abc");
  SayEnded(0);
  RunUntil([&] { return ended_.has_value(); });
  ASSERT_THAT(*ended_, IsOk());
  EXPECT_EQ(Take(output_read_), "abcab");
}

TEST_F(ExecSessionTest, ReportsTheAgentsError) {
  Start();
  agent::ServerFrame frame;
  frame.mutable_error()->set_message("too many calls");
  Say(frame);
  RunUntil([&] { return ended_.has_value(); });
  EXPECT_THAT(*ended_, StatusIs(absl::StatusCode::kInternal, HasSubstr("too many calls")));
}

}  // namespace
}  // namespace voidbox

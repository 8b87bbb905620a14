// Transfers with an agent that does as it likes.
#include "sandbox/file_transfer.h"

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "base/event_loop.h"
#include "base/io.h"
#include "base/pipe.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "sandbox/testing_agent_stream.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;

agent::ServerFrame ReadyFrame() {
  agent::ServerFrame frame;
  frame.mutable_transfer_ready();
  return frame;
}
agent::ServerFrame DataFrame(const std::string& data) {
  agent::ServerFrame frame;
  frame.set_data(data);
  return frame;
}
agent::ServerFrame DoneFrame() {
  agent::ServerFrame frame;
  frame.mutable_transfer_done()->set_files(3);
  return frame;
}
agent::ServerFrame ErrorFrame(const std::string& message) {
  agent::ServerFrame frame;
  frame.mutable_error()->set_code(agent::Error::NOT_FOUND);
  frame.mutable_error()->set_message(message);
  return frame;
}
std::string Frames(std::initializer_list<agent::ServerFrame> frames) {
  return TestingAgentStream::Frames(frames);
}

class FileTransferTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ::signal(SIGPIPE, SIG_IGN);
    loop_ = *EventLoop::Create();
    pipe_ = *NewPipe();
  }
  // To a pipe that holds what comes.
  absl::StatusOr<agent::TransferDone> DownloadFrom(const std::string& says) {
    TestingAgentStream agent(says);
    return Download(*loop_, agent.TakeConnection(), {}, pipe_.write.get());
  }
  absl::StatusOr<agent::TransferDone> UploadTo(const std::string& says) {
    TestingAgentStream agent(says);
    return Upload(*loop_, agent.TakeConnection(), {}, pipe_.read.get());
  }
  static auto DoesNotBelong() {
    return StatusIs(absl::StatusCode::kDataLoss, HasSubstr("does not belong"));
  }

  std::unique_ptr<EventLoop> loop_;
  Pipe pipe_;
  UniqueFd silent_;
};

TEST_F(FileTransferTest, DownloadsWhatTheAgentSends) {
  const auto done =
      DownloadFrom(Frames({ReadyFrame(), DataFrame("a"), DataFrame("b"), DoneFrame()}));
  ASSERT_THAT(done, IsOk());
  EXPECT_EQ(done->files(), 3u);
  char bytes[8];
  EXPECT_EQ(::read(pipe_.read.get(), bytes, sizeof(bytes)), 2);
}

TEST_F(FileTransferTest, ADownloadRefusesFramesThatDoNotBelong) {
  agent::ServerFrame metrics;
  metrics.mutable_metrics();
  for (const auto& says :
       {Frames({DataFrame("a")}), Frames({DoneFrame()}), Frames({ReadyFrame(), ReadyFrame()}),
        Frames({ReadyFrame(), metrics}), Frames({agent::ServerFrame()})}) {
    EXPECT_THAT(DownloadFrom(says), DoesNotBelong());
  }
}

TEST_F(FileTransferTest, ADownloadThatBreaksOffIsNoDownload) {
  const std::string all = Frames({ReadyFrame(), DataFrame("abc"), DoneFrame()});
  for (size_t size = 0; size < all.size(); ++size) {
    EXPECT_FALSE(DownloadFrom(all.substr(0, size)).ok()) << size;
  }
  EXPECT_THAT(DownloadFrom(std::string("\xff\xff\xff\xff", 4)),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("")));
}

TEST_F(FileTransferTest, AnUploadIsNotDoneBeforeAllWasSent) {
  EXPECT_THAT(UploadTo(Frames({DoneFrame()})), DoesNotBelong());
  // The pipe's writer is there, and may go on.
  ASSERT_EQ(::write(pipe_.write.get(), "half", 4), 4);
  EXPECT_THAT(UploadTo(Frames({DataFrame("a")})), DoesNotBelong());
  pipe_.write.Reset();
  EXPECT_THAT(UploadTo(Frames({ReadyFrame(), DoneFrame()})), IsOk());
}

TEST_F(FileTransferTest, AnErrorsTextCommandsNoTerminal) {
  const std::string text = "\x1b[2J\nvoidbox: error: \xc2\x9b" + std::string(5000, 'x');
  const absl::Status status = DownloadFrom(Frames({ErrorFrame(text)})).status();
  const std::string told(status.message());
  EXPECT_EQ(told.substr(0, 38), "\\x1b[2J\\x0avoidbox: error: \\xc2\\x9bxxx");
  EXPECT_LT(told.size(), 1100u);
}

TEST_F(FileTransferTest, AReaderThatIsGoneIsNoErrorOfItsOwn) {
  pipe_.read.Reset();
  EXPECT_THAT(DownloadFrom(Frames({ReadyFrame(), DataFrame("a"), DoneFrame()})),
              StatusIs(absl::StatusCode::kCancelled, HasSubstr("reader is gone")));
}

// A pair of sockets instead of a stream that ends: an agent that goes silent in the middle.
TEST_F(FileTransferTest, AnAgentThatGoesSilentIsNotWaitedForForEver) {
  const auto says = [&](const std::string& frames) {
    int pair[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    silent_.Reset(pair[1]);
    EXPECT_THAT(WriteAll(pair[1], frames), IsOk());
    return UniqueFd(pair[0]);
  };
  const auto is_silent = StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("for 50ms"));
  constexpr absl::Duration kLimit = absl::Milliseconds(50);
  const std::string hello = "OK 1\n";
  for (const std::string& frames :
       {std::string(), hello, hello + Frames({ReadyFrame(), DataFrame("a")})}) {
    EXPECT_THAT(Download(*loop_, says(frames), {}, pipe_.write.get(), kLimit), is_silent);
  }
  // All was sent, and is not acknowledged.
  pipe_.write.Reset();
  EXPECT_THAT(Upload(*loop_, says(hello + Frames({ReadyFrame()})), {}, pipe_.read.get(), kLimit),
              is_silent);
}

TEST_F(FileTransferTest, TheCallerMayStopIt) {
  auto timer = *loop_->AddTimer([this] { loop_->Stop(); });
  ASSERT_THAT(timer.Set(absl::ZeroDuration()), IsOk());
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
  const UniqueFd silent(pair[1]);
  EXPECT_THAT(Download(*loop_, UniqueFd(pair[0]), {}, pipe_.write.get()),
              StatusIs(absl::StatusCode::kCancelled, HasSubstr("broken off")));
}

}  // namespace
}  // namespace voidbox

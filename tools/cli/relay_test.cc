#include "tools/cli/relay.h"

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "base/io.h"
#include "base/status_matchers.h"
#include "base/unix_socket.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

class RelayTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ::signal(SIGPIPE, SIG_IGN);  // as the program does
    std::tie(client_, near_) = *UnixSocketPair();
    std::tie(server_, far_) = *UnixSocketPair();
    relay_ = std::make_unique<Relay>(*loop_, Relay::Ends{near_.get(), near_.get()},
                                     Relay::Ends{far_.get(), far_.get()}, [this] { done_ = true; });
    ASSERT_THAT(relay_->Start(), IsOk());
  }
  // What arrives at `fd` until it has `size` bytes or ends.
  std::string Take(int fd, size_t size) {
    std::string text;
    while (text.size() < size) {
      char bytes[65536];
      const ssize_t got = ::read(fd, bytes, sizeof(bytes));
      if (got == 0) break;
      if (got > 0) {
        text.append(bytes, static_cast<size_t>(got));
        continue;
      }
      EXPECT_EQ(errno, EAGAIN);
      EXPECT_THAT(loop_->RunOnce(absl::InfiniteDuration()), IsOk());
    }
    return text;
  }
  std::unique_ptr<EventLoop> loop_ = *EventLoop::Create();
  UniqueFd client_, near_, server_, far_;
  std::unique_ptr<Relay> relay_;
  bool done_ = false;
};

TEST_F(RelayTest, CarriesBothWaysAndPassesTheEndsOn) {
  ASSERT_THAT(WriteAll(client_.get(), "ask"), IsOk());
  EXPECT_EQ(Take(server_.get(), 3), "ask");
  ASSERT_EQ(::shutdown(client_.get(), SHUT_WR), 0);
  EXPECT_EQ(Take(server_.get(), 1), "");  // the half-close
  ASSERT_THAT(WriteAll(server_.get(), "answer"), IsOk());
  EXPECT_EQ(Take(client_.get(), 6), "answer");
  EXPECT_FALSE(done_);
  server_.Reset();
  while (!done_) ASSERT_THAT(loop_->RunOnce(absl::InfiniteDuration()), IsOk());
}

TEST_F(RelayTest, AReaderThatIsSlowSlowsTheWriter) {
  const std::string piece(64 << 10, 'x');
  size_t sent = 0;
  // Until nothing moves any more: the relay holds what it may, and no more.
  for (int idle = 0; idle < 3;) {
    const ssize_t written = ::write(client_.get(), piece.data(), piece.size());
    if (written > 0) sent += static_cast<size_t>(written);
    ASSERT_THAT(loop_->RunOnce(absl::ZeroDuration()), IsOk());
    idle = written > 0 ? 0 : idle + 1;
  }
  EXPECT_LT(sent, 4u << 20);
  EXPECT_EQ(Take(server_.get(), sent).size(), sent);
}

TEST_F(RelayTest, AClientThatIsGoneEndsIt) {
  client_.Reset();
  ASSERT_THAT(loop_->RunOnce(absl::InfiniteDuration()), IsOk());
  ASSERT_THAT(WriteAll(server_.get(), "answer"), IsOk());
  while (!done_) ASSERT_THAT(loop_->RunOnce(absl::InfiniteDuration()), IsOk());
}

}  // namespace
}  // namespace voidbox

#include "sandbox/vsock_dial.h"

#include <unistd.h>

#include <optional>
#include <string>
#include <utility>

#include "base/io.h"
#include "base/status_matchers.h"
#include "base/unix_socket.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;

class VsockDialTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto pair = *UnixSocketPair();
    vmm_ = std::move(pair.second);
    auto dial = VsockDial::Start(
        *loop_, std::move(pair.first), 8080,
        [this](absl::StatusOr<UniqueFd> result) { result_.emplace(std::move(result)); });
    ASSERT_THAT(dial, IsOk());
    dial_ = *std::move(dial);
    char text[64] = {};
    ASSERT_EQ(::read(vmm_.get(), text, sizeof(text)), 13);
    EXPECT_STREQ(text, "CONNECT 8080\n");
  }
  absl::StatusOr<UniqueFd> Await() {
    while (!result_.has_value()) EXPECT_THAT(loop_->RunOnce(absl::InfiniteDuration()), IsOk());
    return *std::move(result_);
  }
  std::unique_ptr<EventLoop> loop_ = *EventLoop::Create();
  UniqueFd vmm_;
  std::unique_ptr<VsockDial> dial_;
  std::optional<absl::StatusOr<UniqueFd>> result_;
};

TEST_F(VsockDialTest, GivesTheStreamUntouched) {
  ASSERT_THAT(WriteAll(vmm_.get(), "OK 1"), IsOk());
  ASSERT_THAT(loop_->RunOnce(absl::InfiniteDuration()), IsOk());
  EXPECT_FALSE(result_.has_value());
  ASSERT_THAT(WriteAll(vmm_.get(), "024\nfirst"), IsOk());
  const auto stream = Await();
  ASSERT_THAT(stream, IsOk());
  char text[16] = {};
  EXPECT_EQ(::read(stream->get(), text, sizeof(text)), 5);
  EXPECT_STREQ(text, "first");
}

TEST_F(VsockDialTest, NobodyListens) {
  vmm_.Reset();
  EXPECT_THAT(Await(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("port 8080")));
}

TEST_F(VsockDialTest, AnotherAnswerIsRefused) {
  ASSERT_THAT(WriteAll(vmm_.get(), "NO\n"), IsOk());
  EXPECT_THAT(Await(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("CONNECT")));
}

TEST_F(VsockDialTest, AnEndlessAnswerIsRefused) {
  ASSERT_THAT(WriteAll(vmm_.get(), std::string(1000, 'x')), IsOk());
  EXPECT_THAT(Await(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("CONNECT")));
}

}  // namespace
}  // namespace voidbox

#include "tools/cli/progress_bar.h"

#include <fcntl.h>
#include <unistd.h>

#include <string>

#include "base/status_matchers.h"
#include "base/unique_fd.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ProgressBarTest : public ::testing::Test {
 protected:
  void SetUp() override {
    int fds[2];
    ASSERT_EQ(::pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
    read_.Reset(fds[0]);
    write_.Reset(fds[1]);
  }
  ProgressBar::Options Options(bool is_terminal = true, int columns = 100) {
    return {.fd = write_.get(),
            .is_terminal = is_terminal,
            .columns = columns,
            .now = [this] { return now_; },
            .check = [this] { return check_; }};
  }
  std::string Shown() {
    std::string text(1 << 16, '\0');
    const ssize_t got = ::read(read_.get(), text.data(), text.size());
    text.resize(got < 0 ? 0 : static_cast<size_t>(got));
    return text;
  }
  UniqueFd read_, write_;
  absl::Time now_ = absl::FromUnixSeconds(1000);
  absl::Status check_;
};

TEST_F(ProgressBarTest, ShowsSizesRateAndTimeLeft) {
  {
    ProgressBar bar(Options());
    bar.Begin("importing rootfs", 100 << 20);
    now_ += absl::Seconds(2);
    ASSERT_THAT(bar.Advance(50 << 20), IsOk());
    EXPECT_EQ(Shown(),
              "\r\x1b[Kimporting rootfs  [##########          ] 50.0 MiB / 100 MiB, 25.0 MiB/s, "
              "2 s left");
  }
  EXPECT_EQ(Shown(), "\r\x1b[K");
}

TEST_F(ProgressBarTest, IsQuietForASecondAndElsewhereThanOnATerminal) {
  {
    ProgressBar bar(Options());
    bar.Begin("importing", 100);
    now_ += absl::Milliseconds(999);
    ASSERT_THAT(bar.Advance(50), IsOk());
  }
  {
    ProgressBar bar(Options(/*is_terminal=*/false));
    bar.Begin("waiting", 0);
    bar.Begin("importing", 100);
    now_ += absl::Seconds(10);
    ASSERT_THAT(bar.Advance(50), IsOk());
  }
  EXPECT_THAT(Shown(), IsEmpty());
}

TEST_F(ProgressBarTest, SaysAtOnceWhatItWaitsFor) {
  ProgressBar bar(Options());
  bar.Begin("waiting for another command", 0);
  EXPECT_EQ(Shown(), "\r\x1b[Kwaiting for another command");
}

TEST_F(ProgressBarTest, TheLineGoesAtTheEndOfAStep) {
  ProgressBar bar(Options());
  bar.Begin("waiting", 0);
  Shown();
  bar.Begin("", 0);
  EXPECT_EQ(Shown(), "\r\x1b[K");
  bar.Begin("importing", 100);
  now_ += absl::Seconds(2);
  ASSERT_THAT(bar.Advance(50), IsOk());
  EXPECT_THAT(Shown(), HasSubstr("importing"));
  ASSERT_THAT(bar.Advance(50), IsOk());
  EXPECT_EQ(Shown(), "\r\x1b[K");
}

TEST_F(ProgressBarTest, RedrawsTenTimesASecondAtMost) {
  ProgressBar bar(Options());
  bar.Begin("importing", 1000);
  now_ += absl::Seconds(2);
  ASSERT_THAT(bar.Advance(1), IsOk());
  EXPECT_THAT(Shown(), HasSubstr("importing"));
  now_ += absl::Milliseconds(99);
  ASSERT_THAT(bar.Advance(1), IsOk());
  EXPECT_THAT(Shown(), IsEmpty());
  now_ += absl::Milliseconds(1);
  ASSERT_THAT(bar.Advance(1), IsOk());
  EXPECT_THAT(Shown(), HasSubstr("3 B / 1000 B"));
}

TEST_F(ProgressBarTest, NeverWraps) {
  for (const int columns : {10, 40, 60, 80}) {
    ProgressBar bar(Options(true, columns));
    bar.Begin("importing rootfs " + std::string(200, 'x'), 1000);
    now_ += absl::Seconds(2);
    ASSERT_THAT(bar.Advance(999), IsOk());
    // Behind the four bytes that clear the line.
    EXPECT_LT(Shown().size(), static_cast<size_t>(columns) + 4);
    bar.Begin("", 0);
    Shown();
  }
}

TEST_F(ProgressBarTest, EndsTheOperationWhenAskedTo) {
  ProgressBar bar(Options());
  bar.Begin("importing", 10);
  check_ = absl::CancelledError("interrupted");
  EXPECT_THAT(bar.Advance(1), StatusIs(absl::StatusCode::kCancelled, "interrupted"));
}

}  // namespace
}  // namespace voidbox

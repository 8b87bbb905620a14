#include "vmm/console.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>

#include "base/io.h"
#include "base/status_matchers.h"
#include "base/unique_fd.h"

namespace voidbox {
namespace {

class ConsoleTest : public ::testing::Test {
 protected:
  ConsoleTest() {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    read_.Reset(ends[0]);
    write_.Reset(ends[1]);
  }
  UniqueFd read_, write_;
};

TEST_F(ConsoleTest, DropsAndCountsWhatNobodyTakes) {
  Console console(write_.get(), 0);
  const int capacity = ::fcntl(write_.get(), F_GETPIPE_SZ);
  for (int i = 0; i < capacity + 10; ++i) console.Transmit('x');
  EXPECT_EQ(console.bytes(), capacity + 10u);
  EXPECT_GE(console.dropped_bytes(), 10u);
  char first;
  EXPECT_EQ(::read(read_.get(), &first, 1), 1);
  EXPECT_EQ(first, 'x');
}

TEST_F(ConsoleTest, InputWaitsForRoomInTheReceiver) {
  auto loop = EventLoop::Create();
  ASSERT_THAT(loop, IsOk());
  Console console(0, read_.get());
  Serial serial({.transmit = [](char) {},
                 .interrupt = [] {},
                 .receive_ready = [&] { console.ResumeInput(); }});
  ASSERT_THAT(console.StartInput(**loop, serial), IsOk());
  const std::string sent = "0123456789abcdefghijklmnopqrstuvwxyz";
  ASSERT_THAT(WriteAll(write_.get(), sent), IsOk());
  std::string got;
  while (got.size() < sent.size()) {
    ASSERT_THAT((*loop)->RunOnce(absl::ZeroDuration()), IsOk());
    for (;;) {
      std::array<std::byte, 1> status, byte;
      serial.Read(5, status);
      if ((status[0] & std::byte{1}) == std::byte{0}) break;
      serial.Read(0, byte);
      got += static_cast<char>(byte[0]);
    }
  }
  EXPECT_EQ(got, sent);
  write_.Reset();
  ASSERT_THAT((*loop)->RunOnce(absl::InfiniteDuration()), IsOk()) << "end of input ends the watch";
  ASSERT_THAT((*loop)->RunOnce(absl::ZeroDuration()), IsOk());
}

TEST_F(ConsoleTest, InputWaitsWhileTheMachineIsPaused) {
  auto loop = EventLoop::Create();
  ASSERT_THAT(loop, IsOk());
  Console console(0, read_.get());
  Serial serial({.transmit = [](char) {}, .interrupt = [] {}, .receive_ready = [] {}});
  ASSERT_THAT(console.StartInput(**loop, serial), IsOk());
  console.SetPaused(true);
  ASSERT_THAT(WriteAll(write_.get(), "k"), IsOk());
  write_.Reset();
  for (int i = 0; i < 3; ++i) ASSERT_THAT((*loop)->RunOnce(absl::ZeroDuration()), IsOk());
  std::array<std::byte, 1> status;
  serial.Read(5, status);
  EXPECT_EQ(status[0] & std::byte{1}, std::byte{0});
  console.SetPaused(false);
  ASSERT_THAT((*loop)->RunOnce(absl::InfiniteDuration()), IsOk());
  serial.Read(5, status);
  EXPECT_EQ(status[0] & std::byte{1}, std::byte{1});
}

}  // namespace
}  // namespace voidbox

#include "base/interruptible.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "base/status_matchers.h"
#include "base/unique_fd.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

using ::testing::_;

class InterruptibleTest : public ::testing::Test {
 protected:
  UniqueFd OpenFile() {
    return UniqueFd(::open((::testing::TempDir() + "/interruptible_test").c_str(),
                           O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  }
  void Interrupt() { ASSERT_EQ(::eventfd_write(interrupt_.get(), 1), 0); }
  bool IsFree() { return ::flock(OpenFile().get(), LOCK_EX | LOCK_NB) == 0; }

  const UniqueFd interrupt_{::eventfd(0, EFD_CLOEXEC)};
};

TEST_F(InterruptibleTest, TakesALockThatIsFree) {
  UniqueFd file = OpenFile();
  EXPECT_THAT(LockExclusively(file.get(), interrupt_.get()), IsOk());
  EXPECT_FALSE(IsFree());
  file.Reset();
  EXPECT_TRUE(IsFree());
}

TEST_F(InterruptibleTest, WaitsForALockAndHoldsItThen) {
  for (const int interrupt : {interrupt_.get(), -1}) {
    UniqueFd holder = OpenFile();
    ASSERT_EQ(::flock(holder.get(), LOCK_EX), 0);
    UniqueFd file = OpenFile();
    std::thread release([&] { holder.Reset(); });
    EXPECT_THAT(LockExclusively(file.get(), interrupt), IsOk());
    release.join();
    EXPECT_FALSE(IsFree());
    file.Reset();
    EXPECT_TRUE(IsFree());
  }
}

TEST_F(InterruptibleTest, AnInterruptEndsTheWaitForALock) {
  const UniqueFd holder = OpenFile();
  ASSERT_EQ(::flock(holder.get(), LOCK_EX), 0);
  const UniqueFd file = OpenFile();
  std::thread interrupt([this] { Interrupt(); });
  EXPECT_THAT(LockExclusively(file.get(), interrupt_.get()),
              StatusIs(absl::StatusCode::kCancelled, _));
  interrupt.join();
  // Once more, when it was interrupted before: what interrupts is not taken.
  EXPECT_THAT(LockExclusively(file.get(), interrupt_.get()),
              StatusIs(absl::StatusCode::kCancelled, _));
}

TEST_F(InterruptibleTest, SaysThatItIsNoFile) {
  EXPECT_THAT(LockExclusively(-1, interrupt_.get()),
              StatusIs(absl::StatusCode::kFailedPrecondition, _));
}

TEST_F(InterruptibleTest, WaitsForBytesTheEndOrAnInterrupt) {
  int fds[2];
  ASSERT_EQ(::pipe2(fds, O_CLOEXEC), 0);
  const UniqueFd read(fds[0]);
  UniqueFd write(fds[1]);
  ASSERT_EQ(::write(write.get(), "x", 1), 1);
  EXPECT_THAT(WaitReadable(read.get(), -1), IsOk());
  char byte;
  ASSERT_EQ(::read(read.get(), &byte, 1), 1);
  EXPECT_THAT(WaitReadable(read.get(), interrupt_.get(), absl::Milliseconds(20)),
              StatusIs(absl::StatusCode::kDeadlineExceeded, "nothing came for 20ms"));
  std::thread interrupt([this] { Interrupt(); });
  EXPECT_THAT(WaitReadable(read.get(), interrupt_.get()),
              StatusIs(absl::StatusCode::kCancelled, _));
  interrupt.join();
  write.Reset();
  EXPECT_THAT(WaitReadable(read.get(), -1), IsOk());
}

}  // namespace
}  // namespace voidbox

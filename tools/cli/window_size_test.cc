#include "tools/cli/window_size.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include <optional>

#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

TEST(WindowSizeTest, TellsASizeAndItsChanges) {
  const UniqueFd master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_TRUE(master);
  ASSERT_EQ(::grantpt(master.get()), 0);
  ASSERT_EQ(::unlockpt(master.get()), 0);
  const UniqueFd terminal(::open(::ptsname(master.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_TRUE(terminal);
  const auto unset = WindowSizeOf(terminal.get());
  ASSERT_TRUE(unset.has_value());
  EXPECT_EQ(unset->rows(), 24u);
  EXPECT_EQ(unset->columns(), 80u);

  const auto loop = *EventLoop::Create();
  std::optional<agent::WindowSize> told;
  const auto watch = WindowSizeWatch::Create(*loop, terminal.get(),
                                             [&](const agent::WindowSize& size) { told = size; });
  ASSERT_THAT(watch, IsOk());
  const winsize size = {.ws_row = 50, .ws_col = 132, .ws_xpixel = 0, .ws_ypixel = 0};
  ASSERT_EQ(::ioctl(master.get(), TIOCSWINSZ, &size), 0);
  ::raise(SIGWINCH);
  while (!told.has_value()) ASSERT_THAT(loop->RunOnce(absl::InfiniteDuration()), IsOk());
  EXPECT_EQ(told->rows(), 50u);
  EXPECT_EQ(told->columns(), 132u);
}

TEST(WindowSizeTest, OfWhatIsNoTerminalIsNone) {
  const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  EXPECT_FALSE(WindowSizeOf(null.get()).has_value());
}

}  // namespace
}  // namespace voidbox

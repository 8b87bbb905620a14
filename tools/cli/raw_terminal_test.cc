#include "tools/cli/raw_terminal.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/unique_fd.h"

namespace voidbox {
namespace {

TEST(RawTerminalTest, PassesEveryKeyButOneAndPutsAllBack) {
  const UniqueFd keyboard(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_TRUE(keyboard);
  ASSERT_EQ(::grantpt(keyboard.get()), 0);
  ASSERT_EQ(::unlockpt(keyboard.get()), 0);
  const UniqueFd terminal(::open(::ptsname(keyboard.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_TRUE(terminal);
  termios before;
  ASSERT_EQ(::tcgetattr(terminal.get(), &before), 0);
  {
    const RawTerminal raw(terminal.get(), RawTerminal::Keys::kAllButLeave);
    EXPECT_TRUE(raw.active());
    // Ctrl-C, Ctrl-D, Ctrl-Z and half a line: bytes like any others.
    ASSERT_EQ(::write(keyboard.get(), "\x03\x04\x1ax", 4), 4);
    char bytes[8] = {};
    EXPECT_EQ(::read(terminal.get(), bytes, sizeof(bytes)), 4);
    EXPECT_STREQ(bytes, "\x03\x04\x1ax");
    termios during;
    ASSERT_EQ(::tcgetattr(terminal.get(), &during), 0);
    EXPECT_EQ(during.c_cc[VINTR], 0x1d);
    EXPECT_EQ(during.c_lflag & ECHO, 0u);
  }
  termios after;
  ASSERT_EQ(::tcgetattr(terminal.get(), &after), 0);
  EXPECT_EQ(after.c_lflag, before.c_lflag);
  EXPECT_EQ(after.c_cc[VINTR], before.c_cc[VINTR]);
}

TEST(RawTerminalTest, AllKeysAreAll) {
  const UniqueFd keyboard(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_TRUE(keyboard);
  ASSERT_EQ(::grantpt(keyboard.get()), 0);
  ASSERT_EQ(::unlockpt(keyboard.get()), 0);
  const UniqueFd terminal(::open(::ptsname(keyboard.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_TRUE(terminal);
  const RawTerminal raw(terminal.get(), RawTerminal::Keys::kAll);
  ASSERT_EQ(::write(keyboard.get(), "\x1d\x03\x1c", 3), 3);
  char bytes[8] = {};
  EXPECT_EQ(::read(terminal.get(), bytes, sizeof(bytes)), 3);
  EXPECT_STREQ(bytes, "\x1d\x03\x1c");
}

TEST(RawTerminalTest, LeavesAloneWhatIsNoTerminal) {
  const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  EXPECT_FALSE(RawTerminal(null.get(), RawTerminal::Keys::kAll).active());
}

}  // namespace
}  // namespace voidbox

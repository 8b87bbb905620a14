#include "agent/terminal.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "base/io.h"
#include "base/status_matchers.h"

namespace voidbox {
namespace {

std::string ReadOnce(int fd) {
  pollfd event = {.fd = fd, .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&event, 1, -1), 1);
  char bytes[256];
  const ssize_t got = ::read(fd, bytes, sizeof(bytes));
  return got < 0 ? "" : std::string(bytes, static_cast<size_t>(got));
}

TEST(TerminalTest, ConnectsBothSides) {
  auto terminal = OpenTerminal({.rows = 30, .columns = 100}, std::nullopt);
  ASSERT_THAT(terminal, IsOk());
  EXPECT_TRUE(::isatty(terminal->commands.get()));
  ASSERT_THAT(WriteAll(terminal->commands.get(), "out\n"), IsOk());
  EXPECT_EQ(ReadOnce(terminal->ours.get()), "out\r\n");
  ASSERT_THAT(WriteAll(terminal->ours.get(), "in\n"), IsOk());
  EXPECT_EQ(ReadOnce(terminal->commands.get()), "in\n");
}

TEST(TerminalTest, HasTheSizeThatItIsGiven) {
  auto terminal = OpenTerminal({.rows = 30, .columns = 100}, std::nullopt);
  ASSERT_THAT(terminal, IsOk());
  winsize size = {};
  ASSERT_EQ(::ioctl(terminal->commands.get(), TIOCGWINSZ, &size), 0);
  EXPECT_EQ(size.ws_row, 30);
  EXPECT_EQ(size.ws_col, 100);
  ASSERT_THAT(ResizeTerminal(terminal->ours.get(), {.rows = 65535, .columns = 1}), IsOk());
  ASSERT_EQ(::ioctl(terminal->commands.get(), TIOCGWINSZ, &size), 0);
  EXPECT_EQ(size.ws_row, 65535);
  EXPECT_EQ(size.ws_col, 1);
}

TEST(TerminalTest, BelongsToItsUser) {
  auto terminal = OpenTerminal({}, Account{.uid = 1000, .gid = 1000, .name = "", .home = "/"});
  ASSERT_THAT(terminal, IsOk());
  struct stat info;
  ASSERT_EQ(::fstat(terminal->commands.get(), &info), 0);
  EXPECT_EQ(info.st_uid, 1000u);
  EXPECT_EQ(info.st_mode & 07777, 0620u);
}

TEST(TerminalTest, OurSideDoesNotWait) {
  auto terminal = OpenTerminal({}, std::nullopt);
  ASSERT_THAT(terminal, IsOk());
  char byte;
  EXPECT_LT(::read(terminal->ours.get(), &byte, 1), 0);
  EXPECT_EQ(errno, EAGAIN);
}

TEST(TerminalTest, WithoutASessionNoGroupHasIt) {
  auto terminal = OpenTerminal({}, std::nullopt);
  ASSERT_THAT(terminal, IsOk());
  EXPECT_EQ(ForegroundGroup(terminal->ours.get()), 0);
}

}  // namespace
}  // namespace voidbox

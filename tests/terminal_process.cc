#include "tests/terminal_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/io.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

constexpr char kVoidbox[] = "tools/voidbox";
constexpr absl::Duration kLimit = absl::Minutes(2);

}  // namespace

TerminalProcess::TerminalProcess(const std::vector<std::string>& arguments, int rows, int columns) {
  master_.Reset(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  EXPECT_TRUE(master_);
  EXPECT_EQ(::grantpt(master_.get()), 0);
  EXPECT_EQ(::unlockpt(master_.get()), 0);
  const std::string name = ::ptsname(master_.get());
  terminal_.Reset(::open(name.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC));
  Resize(rows, columns);
  std::vector<char*> argv = {const_cast<char*>(kVoidbox)};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  pid_ = ::fork();
  if (pid_ != 0) return;
  ::setsid();
  const int fd = ::open(name.c_str(), O_RDWR);
  ::ioctl(fd, TIOCSCTTY, 0);
  for (int i = 0; i < 3; ++i) ::dup2(fd, i);
  ::execv(kVoidbox, argv.data());
  ::_exit(127);
}

TerminalProcess::~TerminalProcess() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

void TerminalProcess::Type(const std::string& keys) {
  EXPECT_THAT(WriteAll(master_.get(), keys), IsOk());
}

void TerminalProcess::Resize(int rows, int columns) {
  const winsize size = {.ws_row = static_cast<unsigned short>(rows),
                        .ws_col = static_cast<unsigned short>(columns),
                        .ws_xpixel = 0,
                        .ws_ypixel = 0};
  EXPECT_EQ(::ioctl(master_.get(), TIOCSWINSZ, &size), 0);
}

// False when the process has ended and nothing is left to read.
bool TerminalProcess::Read() {
  // Our own descriptor keeps the terminal open, so that its end is not to be read: look whether the
  // process is there whenever nothing comes for a while.
  pollfd wait = {.fd = master_.get(), .events = POLLIN, .revents = 0};
  if (::poll(&wait, 1, 100) == 0) {
    siginfo_t info = {};
    ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT);
    return info.si_pid != pid_;
  }
  char bytes[4096];
  const ssize_t got = ::read(master_.get(), bytes, sizeof(bytes));
  if (got > 0) screen_.append(bytes, static_cast<size_t>(got));
  return got > 0 || errno == EINTR;
}

bool TerminalProcess::WaitFor(const std::string& text) {
  for (const absl::Time limit = absl::Now() + kLimit; absl::Now() < limit;) {
    const size_t at = screen_.find(text, found_);
    if (at != std::string::npos) {
      found_ = at + text.size();
      return true;
    }
    if (!Read()) break;
  }
  ADD_FAILURE() << "'" << text << "' did not come; the screen is\n" << screen_;
  return false;
}

int TerminalProcess::Finish() {
  while (Read()) {
  }
  int status = 0;
  EXPECT_EQ(::waitpid(pid_, &status, 0), pid_);
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool TerminalProcess::IsCooked() const {
  termios settings;
  EXPECT_EQ(::tcgetattr(terminal_.get(), &settings), 0);
  return (settings.c_lflag & (ECHO | ICANON)) == (ECHO | ICANON);
}

}  // namespace voidbox

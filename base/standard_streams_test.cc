#include "base/standard_streams.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vector>

#include "gtest/gtest.h"

namespace voidbox {
namespace {

bool IsNull(int fd) {
  struct stat attributes, null;
  return ::fstat(fd, &attributes) == 0 && ::stat("/dev/null", &null) == 0 &&
         attributes.st_rdev == null.st_rdev && S_ISCHR(attributes.st_mode) &&
         ::fcntl(fd, F_GETFD) == 0;
}

// In a child, whose standard descriptors are a pipe's end but for `closed`.
bool OpensOnly(const std::vector<int>& closed) {
  const pid_t child = ::fork();
  if (child == 0) {
    int pipe[2];
    if (::pipe2(pipe, O_CLOEXEC) != 0) ::_exit(2);
    for (int fd = 0; fd <= 2; ++fd) ::dup2(pipe[1], fd);
    for (const int fd : closed) ::close(fd);
    const int next_free = ::fcntl(pipe[1], F_DUPFD_CLOEXEC, 3);
    ::close(next_free);
    bool good = OpenStandardStreams().ok();
    for (int fd = 0; fd <= 2; ++fd) {
      bool was_closed = false;
      for (const int other : closed) was_closed = was_closed || other == fd;
      good = good && IsNull(fd) == was_closed;
    }
    good = good && ::fcntl(next_free, F_GETFD) < 0;  // nothing else is left open
    ::_exit(good ? 0 : 1);
  }
  int status = 0;
  return ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST(StandardStreamsTest, OpensThoseThatAreClosedAndNoOther) {
  EXPECT_TRUE(OpensOnly({}));
  EXPECT_TRUE(OpensOnly({0}));
  EXPECT_TRUE(OpensOnly({1}));
  EXPECT_TRUE(OpensOnly({2}));
  EXPECT_TRUE(OpensOnly({0, 2}));
  EXPECT_TRUE(OpensOnly({0, 1, 2}));
}

}  // namespace
}  // namespace voidbox

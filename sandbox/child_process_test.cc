#include "sandbox/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "base/io.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;

std::pair<UniqueFd, UniqueFd> Pipe() {
  int fds[2];
  EXPECT_EQ(::pipe2(fds, O_CLOEXEC), 0);
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

std::string ReadAll(int fd) {
  std::string all(4096, '\0');
  auto got = ReadUpTo(fd, all.data(), all.size());
  EXPECT_THAT(got, IsOk());
  all.resize(*got);
  return all;
}

class ChildProcessTest : public ::testing::TestWithParam<bool> {
 protected:
  SpawnOptions Shell(const std::string& script) {
    return {.argv = {"/bin/sh", "-c", script}, .die_with_parent = GetParam()};
  }
};

TEST_P(ChildProcessTest, GivesTheExitStatus) {
  auto child = ChildProcess::Spawn(Shell("exit 7"));
  ASSERT_THAT(child, IsOk());
  auto status = child->Wait();
  ASSERT_THAT(status, IsOk());
  EXPECT_EQ(DescribeWaitStatus(*status), "exit status 7");
}

TEST_P(ChildProcessTest, MapsDescriptorsEvenWhenTargetsAreSourcesOfOthers) {
  auto [a_read, a_write] = Pipe();
  auto [b_read, b_write] = Pipe();
  SpawnOptions options = Shell("echo one >&\"$0\"; echo two >&\"$1\"");
  options.argv.push_back(std::to_string(b_write.get()));
  options.argv.push_back(std::to_string(a_write.get()));
  options.descriptors = {{a_write.get(), b_write.get()}, {b_write.get(), a_write.get()}};
  auto child = ChildProcess::Spawn(options);
  ASSERT_THAT(child, IsOk());
  ASSERT_THAT(child->Wait(), IsOk());
  a_write.Reset();
  b_write.Reset();
  EXPECT_EQ(ReadAll(a_read.get()), "one\n");
  EXPECT_EQ(ReadAll(b_read.get()), "two\n");
}

TEST_P(ChildProcessTest, UnblocksSignalsOfTheChild) {
  sigset_t all, old;
  ::sigfillset(&all);
  ::sigprocmask(SIG_BLOCK, &all, &old);
  auto child = ChildProcess::Spawn(Shell("kill -TERM $$; exit 3"));
  ::sigprocmask(SIG_SETMASK, &old, nullptr);
  ASSERT_THAT(child, IsOk());
  auto status = child->Wait();
  ASSERT_THAT(status, IsOk());
  EXPECT_THAT(DescribeWaitStatus(*status), HasSubstr("signal 15"));
}

TEST_P(ChildProcessTest, ReplacesTheEnvironment) {
  auto [read, write] = Pipe();
  SpawnOptions options = Shell("echo \"$A:$HOME\"");
  options.environment = {"A=b"};
  options.descriptors = {{write.get(), 1}};
  auto child = ChildProcess::Spawn(options);
  ASSERT_THAT(child, IsOk());
  write.Reset();
  EXPECT_EQ(ReadAll(read.get()), "b:\n");
}

TEST_P(ChildProcessTest, GivesNoDescriptorThatIsNotNamed) {
  // As a shell's `exec 9>lock` leaves them: not close-on-exec.
  const UniqueFd low(::fcntl(STDERR_FILENO, F_DUPFD, 3));
  const UniqueFd high(::fcntl(STDERR_FILENO, F_DUPFD, 200));
  auto [read, write] = Pipe();
  SpawnOptions options = Shell("cd /proc/self/fd && echo *");
  options.descriptors = {{write.get(), 1}, {STDERR_FILENO, 20}, {STDERR_FILENO, 8}};
  auto child = ChildProcess::Spawn(options);
  ASSERT_THAT(child, IsOk());
  write.Reset();
  // The shell reads the folder with the lowest number that is free.
  EXPECT_EQ(ReadAll(read.get()), "0 1 2 20 3 8\n");
}

TEST_P(ChildProcessTest, StartsInTheDirectoryThatIsNamed) {
  auto [read, write] = Pipe();
  SpawnOptions options = Shell("pwd");
  options.descriptors = {{write.get(), 1}};
  options.directory = "/proc";
  auto child = ChildProcess::Spawn(options);
  ASSERT_THAT(child, IsOk());
  write.Reset();
  EXPECT_EQ(ReadAll(read.get()), "/proc\n");
}

TEST_P(ChildProcessTest, SaysWhichProgramIsMissing) {
  EXPECT_THAT(
      ChildProcess::Spawn({.argv = {"/nonexistent/program"}, .die_with_parent = GetParam()}),
      StatusIs(absl::StatusCode::kNotFound, HasSubstr("/nonexistent/program")));
}

TEST_P(ChildProcessTest, KillsTheChildAtTheEndOfItsLife) {
  auto [read, write] = Pipe();
  SpawnOptions options = Shell("exec sleep 1000");
  options.descriptors = {{write.get(), 5}};
  {
    auto child = ChildProcess::Spawn(options);
    ASSERT_THAT(child, IsOk());
    write.Reset();
  }
  EXPECT_EQ(ReadAll(read.get()), "");  // end of file: nobody holds the other end
}

TEST_P(ChildProcessTest, PidfdTellsTheEnd) {
  auto child = ChildProcess::Spawn(Shell("exit 0"));
  ASSERT_THAT(child, IsOk());
  pollfd wait = {.fd = child->pidfd(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&wait, 1, 60'000), 1);
}

INSTANTIATE_TEST_SUITE_P(SpawnAndFork, ChildProcessTest, ::testing::Bool());

}  // namespace
}  // namespace voidbox

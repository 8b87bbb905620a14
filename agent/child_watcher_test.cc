#include "agent/child_watcher.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "base/status_matchers.h"

namespace voidbox {
namespace {

class ChildWatcherTest : public ::testing::Test {
 protected:
  // A child that ends at once with `code`, or by `signal`.
  static pid_t Child(int code, int signal = 0) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      if (signal != 0) ::kill(::getpid(), signal);
      ::_exit(code);
    }
    return pid;
  }
  // Waits for the child without reaping it.
  static void AwaitZombie(pid_t pid) {
    siginfo_t info;
    ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT), 0);
  }
  static bool IsReaped(pid_t pid) {
    siginfo_t info;
    return ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT | WNOHANG) < 0 &&
           errno == ECHILD;
  }
  std::unique_ptr<EventLoop> loop_ = EventLoop::Create().value();
};

TEST_F(ChildWatcherTest, TellsHowItsChildrenEnded) {
  auto watcher = ChildWatcher::Create(*loop_, ChildWatcher::Reap::kOwn).value();
  std::optional<ChildWatcher::Ending> exited, signaled;
  const pid_t a = Child(7), b = Child(0, SIGUSR1);
  watcher->Add(a, [&](const ChildWatcher::Ending& ending) { exited = ending; });
  watcher->Add(b, [&](const ChildWatcher::Ending& ending) { signaled = ending; });
  while (!exited || !signaled) ASSERT_THAT(loop_->RunOnce(absl::InfiniteDuration()), IsOk());
  EXPECT_FALSE(exited->signaled);
  EXPECT_EQ(exited->value, 7);
  EXPECT_TRUE(signaled->signaled);
  EXPECT_EQ(signaled->value, SIGUSR1);
  EXPECT_TRUE(IsReaped(a));
  EXPECT_TRUE(IsReaped(b));
}

TEST_F(ChildWatcherTest, LeavesTheChildrenOfOthers) {
  auto watcher = ChildWatcher::Create(*loop_, ChildWatcher::Reap::kOwn).value();
  const pid_t others = Child(3);
  AwaitZombie(others);
  bool told = false;
  watcher->Add(Child(0), [&](const ChildWatcher::Ending&) { told = true; });
  while (!told) ASSERT_THAT(loop_->RunOnce(absl::InfiniteDuration()), IsOk());
  int status;
  EXPECT_EQ(::waitpid(others, &status, 0), others);
  EXPECT_EQ(WEXITSTATUS(status), 3);
}

TEST_F(ChildWatcherTest, ReapsOrphansWithoutTakingTheStatusOfItsOwn) {
  auto watcher = ChildWatcher::Create(*loop_, ChildWatcher::Reap::kAll).value();
  const pid_t orphan = Child(3), own = Child(4), forgotten = Child(5);
  std::optional<ChildWatcher::Ending> ending;
  watcher->Add(own, [&](const ChildWatcher::Ending& it) { ending = it; });
  watcher->Add(forgotten, [](const ChildWatcher::Ending&) { FAIL() << "was forgotten"; });
  watcher->Forget(forgotten);
  while (!ending || !IsReaped(orphan) || !IsReaped(forgotten)) {
    ASSERT_THAT(loop_->RunOnce(absl::InfiniteDuration()), IsOk());
  }
  EXPECT_EQ(ending->value, 4);
}

TEST_F(ChildWatcherTest, ReapsAFewInATurnAndAllInTheEnd) {
  auto watcher = ChildWatcher::Create(*loop_, ChildWatcher::Reap::kAll).value();
  constexpr int kChildren = 200;
  int told = 0, others = 0;
  for (int i = 0; i < kChildren; ++i) {
    const pid_t pid = Child(0);
    AwaitZombie(pid);
    watcher->Add(pid, [&](const ChildWatcher::Ending&) { ++told; });
  }
  ASSERT_THAT(loop_->RunOnce(absl::InfiniteDuration()), IsOk());
  EXPECT_GT(told, 0);
  EXPECT_LT(told, kChildren);
  // What is to be done meanwhile has its turn before the last of them.
  loop_->Post([&] { others = told; });
  while (told < kChildren) ASSERT_THAT(loop_->RunOnce(absl::InfiniteDuration()), IsOk());
  EXPECT_GT(others, 0);
  EXPECT_LT(others, kChildren);
}

TEST_F(ChildWatcherTest, AHandlerMayAddAChild) {
  auto watcher = ChildWatcher::Create(*loop_, ChildWatcher::Reap::kOwn).value();
  bool second = false;
  watcher->Add(Child(0), [&](const ChildWatcher::Ending&) {
    watcher->Add(Child(0), [&](const ChildWatcher::Ending&) { second = true; });
  });
  while (!second) ASSERT_THAT(loop_->RunOnce(absl::InfiniteDuration()), IsOk());
}

}  // namespace
}  // namespace voidbox

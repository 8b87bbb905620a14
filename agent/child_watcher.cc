#include "agent/child_watcher.h"

#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <utility>
#include <vector>

#include "base/errno_status.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

// In one turn of the loop: where processes end as fast as they are reaped, all else has its turn
// all the same.
constexpr int kMaxReaped = 64;

ChildWatcher::Ending EndingOf(int status) {
  if (WIFSIGNALED(status)) return {.signaled = true, .value = WTERMSIG(status)};
  return {.signaled = false, .value = WEXITSTATUS(status)};
}

}  // namespace

absl::StatusOr<std::unique_ptr<ChildWatcher>> ChildWatcher::Create(EventLoop& loop, Reap reap) {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGCHLD);
  if (const int error = ::pthread_sigmask(SIG_BLOCK, &set, nullptr); error != 0) {
    return ErrnoStatus("pthread_sigmask", error);
  }
  UniqueFd signals(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals) return ErrnoStatus("signalfd");
  std::unique_ptr<ChildWatcher> watcher(new ChildWatcher(reap, std::move(signals)));
  ChildWatcher* self = watcher.get();
  ASSIGN_OR_RETURN(self->watch_,
                   loop.Add(self->signals_.get(), EPOLLIN, [self](uint32_t) { self->OnSignal(); }));
  return watcher;
}

void ChildWatcher::Add(pid_t pid, Handler handler) { children_[pid] = std::move(handler); }

void ChildWatcher::Forget(pid_t pid) {
  const auto found = children_.find(pid);
  if (found != children_.end()) found->second = nullptr;
}

void ChildWatcher::OnSignal() {
  // One signal may stand for several children.
  signalfd_siginfo info;
  if (::read(signals_.get(), &info, sizeof(info)) != sizeof(info)) return;
  if (reap_ == Reap::kAll) {
    ReapAll();
  } else {
    ReapOwn();
  }
}

void ChildWatcher::ReapAll() {
  for (int reaped = 0; reaped < kMaxReaped; ++reaped) {
    int status;
    const pid_t pid = ::waitpid(-1, &status, WNOHANG);
    if (pid <= 0) return;
    Tell(pid, EndingOf(status));
  }
  ::kill(::getpid(), SIGCHLD);  // for the rest, in the next turn
}

void ChildWatcher::ReapOwn() {
  // Handlers may add children.
  std::vector<pid_t> pids;
  pids.reserve(children_.size());
  for (const auto& [pid, handler] : children_) pids.push_back(pid);
  for (const pid_t pid : pids) {
    int status;
    if (::waitpid(pid, &status, WNOHANG) == pid) Tell(pid, EndingOf(status));
  }
}

void ChildWatcher::Tell(pid_t pid, const Ending& ending) {
  const auto found = children_.find(pid);
  if (found == children_.end()) return;  // an orphan
  const Handler handler = std::move(found->second);
  children_.erase(found);
  if (handler) handler(ending);
}

}  // namespace voidbox

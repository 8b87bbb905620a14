#ifndef VOIDBOX_AGENT_CHILD_WATCHER_H_
#define VOIDBOX_AGENT_CHILD_WATCHER_H_

#include <sys/types.h>

#include <functional>
#include <memory>
#include <unordered_map>

#include "absl/status/statusor.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"

namespace voidbox {

// Reaps child processes and tells how they ended. Belongs to the loop's thread.
class ChildWatcher {
 public:
  enum class Reap {
    kOwn,  // only the children added here; others are somebody else's
    kAll,  // every child: for PID 1 and subreapers, which inherit orphans
  };
  // By itself with an exit code, or by a signal.
  struct Ending {
    bool signaled = false;
    int value = 0;  // exit code or signal number
  };
  using Handler = std::function<void(const Ending&)>;

  // Blocks SIGCHLD in the calling thread; threads started later inherit that, and every thread of
  // the process must have it so.
  static absl::StatusOr<std::unique_ptr<ChildWatcher>> Create(EventLoop& loop, Reap reap);

  // `handler` is called once, from the loop, when `pid` has been reaped: from then on the number
  // may belong to another process.
  void Add(pid_t pid, Handler handler);
  // The child is still reaped, but nobody is told.
  void Forget(pid_t pid);

 private:
  ChildWatcher(Reap reap, UniqueFd signals) : reap_(reap), signals_(std::move(signals)) {}
  void OnSignal();
  void ReapOwn();
  void ReapAll();
  void Tell(pid_t pid, const Ending& ending);

  const Reap reap_;
  UniqueFd signals_;  // signalfd of SIGCHLD
  std::unordered_map<pid_t, Handler> children_;
  EventLoop::Watch watch_;
};

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_CHILD_WATCHER_H_

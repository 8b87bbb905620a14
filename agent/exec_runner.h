#ifndef VOIDBOX_AGENT_EXEC_RUNNER_H_
#define VOIDBOX_AGENT_EXEC_RUNNER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/call.h"
#include "agent/child_watcher.h"
#include "agent/process_tree.h"
#include "agent/spawner.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"

namespace voidbox {

// All that running commands takes, for a CallService:
//   ASSIGN_OR_RETURN(auto runner, ExecRunner::Create(loop, {.cgroup_parent = "/sys/fs/cgroup"}));
//   CallService service(loop, {.handlers = runner->Handlers()});
//   service.Serve(std::move(stream));
// Works as PID 1 of a guest and inside any other program. Belongs to the loop's thread.
class ExecRunner {
 public:
  struct Options {
    // A cgroup2 directory that has a cgroup for each command; without one, a command's tree is its
    // session (see SessionTrees).
    std::string cgroup_parent;
    ChildWatcher::Reap reap = ChildWatcher::Reap::kOwn;
    // Beside "no core dumps".
    std::vector<Spawner::ResourceLimit> limits;
  };

  // Also ignores SIGPIPE in this process, and blocks SIGCHLD in this thread (see ChildWatcher).
  static absl::StatusOr<std::unique_ptr<ExecRunner>> Create(EventLoop& loop, Options options);

  // Both borrow this.
  ExecStarter Starter();
  // Of all calls that have to do with commands.
  CallHandlers Handlers();

 private:
  ExecRunner(EventLoop& loop, UniqueFd null, std::unique_ptr<ChildWatcher> children,
             std::unique_ptr<ProcessTrees> trees, std::vector<Spawner::ResourceLimit> limits);

  EventLoop& loop_;
  const UniqueFd null_;
  const std::unique_ptr<ChildWatcher> children_;
  const std::unique_ptr<ProcessTrees> trees_;
  Spawner spawner_;
};

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_EXEC_RUNNER_H_

#ifndef VOIDBOX_AGENT_EXEC_RUNNER_H_
#define VOIDBOX_AGENT_EXEC_RUNNER_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/call.h"
#include "agent/cgroup_tree.h"
#include "agent/child_watcher.h"
#include "agent/command.h"
#include "agent/exec_policy.h"
#include "agent/exec_table.h"
#include "agent/process_tree.h"
#include "agent/spawner.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"

namespace voidbox {

// All that running commands takes, for a CallService:
//   ASSIGN_OR_RETURN(auto runner,
//                    ExecRunner::Create(loop, {.cgroups = {.parent = "/sys/fs/cgroup"}}));
//   CallService service(loop, {.handlers = runner->Handlers()});
//   service.Serve(std::move(stream));
// Works as PID 1 of a guest and inside any other program. Belongs to the loop's thread.
class ExecRunner {
 public:
  struct Options {
    // Without a parent, a command's tree is its session (see SessionTrees).
    CgroupTrees::Options cgroups;
    ChildWatcher::Reap reap = ChildWatcher::Reap::kOwn;
    // Beside "no core dumps".
    std::vector<ResourceLimit> limits;
    CommandSetting setting;
  };

  // Also ignores SIGPIPE in this process, and blocks SIGCHLD in this thread (see ChildWatcher).
  static absl::StatusOr<std::unique_ptr<ExecRunner>> Create(EventLoop& loop, Options options);

  // Both borrow this.
  ExecStarter Starter();
  // Of all calls that have to do with commands.
  CallHandlers Handlers();

  // For others who start processes, within what all may use together.
  ProcessTrees& trees() { return *trees_; }
  Spawner& spawner() { return spawner_; }

  // Execs that run now, attached or not.
  size_t running() const { return table_.running(); }
  // What execs that have ended have left running.
  ExecTable::Left left() const { return table_.CountLeft(); }

 private:
  ExecRunner(EventLoop& loop, UniqueFd null, std::unique_ptr<ChildWatcher> children,
             std::unique_ptr<ProcessTrees> trees, std::vector<ResourceLimit> limits,
             CommandSetting setting);
  absl::StatusOr<std::unique_ptr<Call>> StartExec(const agent::ExecRequest& request,
                                                  Connection& connection, Call::Settle settle);
  void PrepareJail(const std::string& jail);

  const CommandSetting setting_;
  const UniqueFd null_;
  const std::unique_ptr<ChildWatcher> children_;
  const std::unique_ptr<ProcessTrees> trees_;
  Spawner spawner_;
  ExecTable table_;
  ExecPolicy policy_;
  bool jail_is_prepared_ = false;
};

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_EXEC_RUNNER_H_

#include "agent/exec_runner.h"

#include <fcntl.h>
#include <signal.h>

#include <utility>

#include "agent/cgroup_tree.h"
#include "agent/exec_call.h"
#include "agent/session_tree.h"
#include "base/errno_status.h"
#include "base/status_macros.h"

namespace voidbox {

absl::StatusOr<std::unique_ptr<ExecRunner>> ExecRunner::Create(EventLoop& loop, Options options) {
  if (::signal(SIGPIPE, SIG_IGN) == SIG_ERR) return ErrnoStatus("signal(SIGPIPE)");
  UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!null) return ErrnoStatus("/dev/null");
  ASSIGN_OR_RETURN(auto children, ChildWatcher::Create(loop, options.reap));
  std::unique_ptr<ProcessTrees> trees;
  if (options.cgroup_parent.empty()) {
    trees = std::make_unique<SessionTrees>(loop);
  } else {
    ASSIGN_OR_RETURN(trees, CgroupTrees::Create(loop, options.cgroup_parent));
  }
  options.limits.push_back({RLIMIT_CORE, {0, 0}});
  return std::unique_ptr<ExecRunner>(new ExecRunner(loop, std::move(null), std::move(children),
                                                    std::move(trees), std::move(options.limits)));
}

ExecRunner::ExecRunner(EventLoop& loop, UniqueFd null, std::unique_ptr<ChildWatcher> children,
                       std::unique_ptr<ProcessTrees> trees,
                       std::vector<Spawner::ResourceLimit> limits)
    : loop_(loop),
      null_(std::move(null)),
      children_(std::move(children)),
      trees_(std::move(trees)),
      spawner_(std::move(limits)) {}

ExecStarter ExecRunner::Starter() {
  return [this](const agent::ExecRequest& request, Connection& connection, Call::Settle settle) {
    return ExecCall::Start({.loop = loop_,
                            .children = *children_,
                            .trees = *trees_,
                            .spawner = spawner_,
                            .null_fd = null_.get()},
                           request, connection, std::move(settle));
  };
}

CallHandlers ExecRunner::Handlers() {
  CallHandlers handlers;
  handlers[agent::Request::kExec] =
      CallStarter([start = Starter()](const agent::Request& request, Connection& connection,
                                      Call::Settle settle) {
        return start(request.exec(), connection, std::move(settle));
      });
  return handlers;
}

}  // namespace voidbox

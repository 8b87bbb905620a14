#include "agent/exec_runner.h"

#include <fcntl.h>
#include <signal.h>

#include <utility>

#include "agent/exec_call.h"
#include "agent/jail_tools.h"
#include "agent/session_tree.h"
#include "base/errno_status.h"
#include "base/log.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

absl::StatusOr<agent::ServerFrame> DoneOr(const absl::Status& status) {
  RETURN_IF_ERROR(status);
  agent::ServerFrame frame;
  frame.mutable_done();
  return frame;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ExecRunner>> ExecRunner::Create(EventLoop& loop, Options options) {
  if (::signal(SIGPIPE, SIG_IGN) == SIG_ERR) return ErrnoStatus("signal(SIGPIPE)");
  UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!null) return ErrnoStatus("/dev/null");
  ASSIGN_OR_RETURN(auto children, ChildWatcher::Create(loop, options.reap));
  std::unique_ptr<ProcessTrees> trees;
  if (options.cgroups.parent.empty()) {
    trees = std::make_unique<SessionTrees>(loop);
  } else {
    ASSIGN_OR_RETURN(trees, CgroupTrees::Create(loop, options.cgroups));
  }
  options.limits.push_back({RLIMIT_CORE, {0, 0}});
  return std::unique_ptr<ExecRunner>(new ExecRunner(loop, std::move(null), std::move(children),
                                                    std::move(trees), std::move(options.limits),
                                                    std::move(options.setting)));
}

ExecRunner::ExecRunner(EventLoop& loop, UniqueFd null, std::unique_ptr<ChildWatcher> children,
                       std::unique_ptr<ProcessTrees> trees, std::vector<ResourceLimit> limits,
                       CommandSetting setting)
    : setting_(std::move(setting)),
      null_(std::move(null)),
      children_(std::move(children)),
      trees_(std::move(trees)),
      spawner_(std::move(limits)),
      table_({.loop = loop,
              .children = *children_,
              .trees = *trees_,
              .spawner = spawner_,
              .null_fd = null_.get()}) {}

absl::StatusOr<std::unique_ptr<Call>> ExecRunner::StartExec(const agent::ExecRequest& request,
                                                            Connection& connection,
                                                            Call::Settle settle) {
  ASSIGN_OR_RETURN(Command command, ParseCommand(request, setting_));
  RETURN_IF_ERROR(policy_.Apply(table_.living(), command));
  if (!command.jail.empty()) PrepareJail(command.jail);
  return ExecCall::Start(table_, std::move(command), connection, std::move(settle));
}

// Before the first command in it.
void ExecRunner::PrepareJail(const std::string& jail) {
  if (std::exchange(jail_is_prepared_, true)) return;
  const auto made = CompleteJailTools(/*root=*/"", jail);
  if (!made.ok()) LogWarning("the jail lacks some of its commands: ", made.status().message());
}

ExecStarter ExecRunner::Starter() {
  return [this](const agent::ExecRequest& request, Connection& connection, Call::Settle settle) {
    return StartExec(request, connection, std::move(settle));
  };
}

CallHandlers ExecRunner::Handlers() {
  CallHandlers handlers;
  handlers[agent::Request::kExec] = CallStarter(
      [this](const agent::Request& request, Connection& connection, Call::Settle settle) {
        return StartExec(request.exec(), connection, std::move(settle));
      });
  handlers[agent::Request::kAttach] = CallStarter(
      [this](const agent::Request& request, Connection& connection, Call::Settle settle) {
        return ExecCall::Attach(table_, request.attach(), connection, std::move(settle));
      });
  handlers[agent::Request::kListExecs] = CallAnswerer([this](const agent::Request&) {
    agent::ServerFrame frame;
    *frame.mutable_execs() = table_.List();
    return absl::StatusOr<agent::ServerFrame>(std::move(frame));
  });
  handlers[agent::Request::kKillExec] = CallAnswerer(
      [this](const agent::Request& request) { return DoneOr(table_.Kill(request.kill_exec())); });
  handlers[agent::Request::kConfigure] = CallAnswerer([this](const agent::Request& request) {
    return DoneOr(policy_.Configure(request.configure()));
  });
  return handlers;
}

}  // namespace voidbox

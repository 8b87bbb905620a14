#ifndef VOIDBOX_TOOLS_CLI_SANDBOX_EXEC_RUN_H_
#define VOIDBOX_TOOLS_CLI_SANDBOX_EXEC_RUN_H_

#include <functional>

#include "agent/agent.pb.h"
#include "base/unique_fd.h"
#include "sandbox/exec_session.h"

namespace voidbox {

struct ExecRunOptions {
  ExecSession::Streams streams;
  bool terminal = false;  // the command has one, joined to the one here
  // Return once it runs, for a request that outlives its caller.
  std::function<void(const agent::ExecStarted&)> detach;
  std::function<void(const agent::RunTsResult&)> run_ts_result;
};

// Runs `request` (exec, attach or run_ts) over a connection to a sandbox' vsock.sock, with this
// process' signals; returns the exit status, as `voidbox run` does.
int RunExec(UniqueFd vsock, agent::Request request, const ExecRunOptions& options);

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_SANDBOX_EXEC_RUN_H_

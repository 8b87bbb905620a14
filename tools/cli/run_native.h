#ifndef VOIDBOX_TOOLS_CLI_RUN_NATIVE_H_
#define VOIDBOX_TOOLS_CLI_RUN_NATIVE_H_

#include <functional>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "agent/agent.pb.h"
#include "sandbox/exec_session.h"
#include "sandbox/sandbox.h"

namespace voidbox {

struct RunOptions {
  Sandbox::Options sandbox;
  agent::ExecRequest exec;
  // Runs this instead of `exec`, and tells its result.
  std::optional<agent::RunTsRequest> run_ts;
  std::function<void(const agent::RunTsResult&)> run_ts_result;
  ExecSession::Streams streams;
  std::optional<absl::Duration> timeout;
  bool show_console = false;
  bool terminal = false;  // the command has one, joined to the one here
  bool remove = false;    // forget a detached one when it ends

  // Without a command, the guest's console is what the streams are joined to, until it powers off.
  bool console_only() const { return exec.argv().empty() && !run_ts.has_value(); }
};

// Runs a command, or a guest's console, in a new sandbox on this machine's KVM, with this process'
// standard streams and signals; returns the exit status. Leaves nothing behind.
int RunNative(const std::string& home, const RunOptions& options);

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_RUN_NATIVE_H_

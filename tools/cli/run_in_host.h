#ifndef VOIDBOX_TOOLS_CLI_RUN_IN_HOST_H_
#define VOIDBOX_TOOLS_CLI_RUN_IN_HOST_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "agent/agent.pb.h"
#include "sandbox/emulated_host/host_client.h"
#include "sandbox/exec_session.h"
#include "sandbox/installation.h"

namespace voidbox {

// The emulated host of `home`, from the files of this installation.
absl::StatusOr<HostFiles> FindHostFiles(const Installation& installation, const std::string& home);

// True in a process that was started in the emulated host.
bool IsInsideHost();

// Whether a variable of the environment is for voidbox itself, or for what it uses.
bool IsOwnVariable(absl::string_view name);

// The call that runs `argv` in the emulated host of `home`, in this working directory (in the root
// when that is gone), with those variables of this environment that `passes` names.
agent::ExecRequest HostRequestFor(const std::vector<std::string>& argv, const std::string& home,
                                  const std::function<bool(absl::string_view name)>& passes);

struct HostRunOptions {
  std::string reason;            // for the "starting" line: why the emulated host is used
  ExecSession::Streams streams;  // this process' own by default
  bool terminal = false;         // the program gets a terminal, joined to the one here
  // Of RunSelfInHost: names of variables that are for the guest; `-e`'s NAME[=VALUE].
  std::vector<std::string> guest_variables;
  // This process lives on when its caller has ended, and keeps no directory of theirs.
  bool leaves_directory = false;
};

// Runs `argv` in the emulated host as if it were here: with this environment, working directory,
// standard streams and signals; returns its exit status.
int RunInHost(const HostFiles& files, const std::vector<std::string>& argv,
              const HostRunOptions& options = {});
// The same for this program with `arguments`, in the host of this user's $VOIDBOX_HOME, with its
// own variables alone: the environment of whoever calls may be of any size.
int RunSelfInHost(const Installation& installation, const std::vector<std::string>& arguments,
                  const HostRunOptions& options = {});

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_RUN_IN_HOST_H_

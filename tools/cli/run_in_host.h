#ifndef VOIDBOX_TOOLS_CLI_RUN_IN_HOST_H_
#define VOIDBOX_TOOLS_CLI_RUN_IN_HOST_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/agent.pb.h"
#include "sandbox/emulated_host/host_client.h"
#include "sandbox/exec_session.h"
#include "sandbox/installation.h"

namespace voidbox {

// The emulated host of `home`, from the files of this installation.
absl::StatusOr<HostFiles> FindHostFiles(const Installation& installation, const std::string& home);

// True in a process that was started in the emulated host.
bool IsInsideHost();

// The call that runs `argv` in the emulated host of `home` with this environment and working
// directory.
absl::StatusOr<agent::ExecRequest> HostRequestFor(const std::vector<std::string>& argv,
                                                  const std::string& home);

struct HostRunOptions {
  std::string reason;            // for the "starting" line: why the emulated host is used
  ExecSession::Streams streams;  // this process' own by default
  bool terminal = false;         // the program gets a terminal, joined to the one here
};

// Runs `argv` in the emulated host as if it were here: with this environment, working directory,
// standard streams and signals; returns its exit status.
int RunInHost(const HostFiles& files, const std::vector<std::string>& argv,
              const HostRunOptions& options = {});
// The same for this program with `arguments`, in the host of this user's $VOIDBOX_HOME.
int RunSelfInHost(const Installation& installation, const std::vector<std::string>& arguments,
                  const HostRunOptions& options = {});

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_RUN_IN_HOST_H_

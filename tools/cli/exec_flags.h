#ifndef VOIDBOX_TOOLS_CLI_EXEC_FLAGS_H_
#define VOIDBOX_TOOLS_CLI_EXEC_FLAGS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/agent.pb.h"
#include "tools/cli/flag_parser.h"

namespace voidbox {

// What the flags about a command in a guest say, as text.
struct ExecFlags {
  std::string working_directory, user, isolation, timeout, processes;
  std::string memory, cpus;  // of the command alone; for commands that make no guest
  std::vector<std::string> environment;
  bool interactive = false;
  bool terminal = false;
  bool kill_tree = false;  // for commands that make no guest
};

void AddExecFlags(FlagParser app, ExecFlags& flags);
// --memory and --cpus, which bound the command where they do not make the guest, and --kill-tree.
void AddExecLimitFlags(FlagParser app, ExecFlags& flags);

// INVALID_ARGUMENT with the flag and its value. The terminal's size is left to who has one.
absl::StatusOr<agent::ExecRequest> ToExecRequest(const ExecFlags& flags,
                                                 const std::vector<std::string>& command);
absl::StatusOr<agent::ExecLimits> ToExecLimits(const ExecFlags& flags);

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_EXEC_FLAGS_H_

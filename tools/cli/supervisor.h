#ifndef VOIDBOX_TOOLS_CLI_SUPERVISOR_H_
#define VOIDBOX_TOOLS_CLI_SUPERVISOR_H_

#include <string>

#include "tools/cli/run_native.h"

namespace voidbox {

// A detached sandbox has a supervisor: a voidbox of its own, started with the same arguments, that
// owns the VMM, keeps the logs and writes down how it ended. Where the emulated host is needed, one
// supervisor here carries another one there, and keeps the host alive as long.

// Set in the environment of a supervisor.
inline constexpr char kSupervisorVariable[] = "VOIDBOX_SUPERVISOR";
bool IsSupervisor();

// What the supervisor does where KVM is: prints the id on standard output once the sandbox is
// ready, closes its standard streams, and lives as long as the sandbox. TERM ends that in order,
// INT at once. The exit status tells nobody anything once the id is out.
int Supervise(const std::string& home, const RunOptions& options);

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_SUPERVISOR_H_

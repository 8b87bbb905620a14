#ifndef VOIDBOX_TOOLS_CLI_START_SUPERVISOR_H_
#define VOIDBOX_TOOLS_CLI_START_SUPERVISOR_H_

#include "tools/cli/command.h"

namespace voidbox {

// Starts a supervisor (see supervisor.h) for what `invocation` asks for, and waits until it says
// that the sandbox is ready; prints the id. Returns the exit status.
int StartSupervisor(const Invocation& invocation);

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_START_SUPERVISOR_H_

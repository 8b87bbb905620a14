#ifndef VOIDBOX_TOOLS_CLI_HOST_COMMAND_H_
#define VOIDBOX_TOOLS_CLI_HOST_COMMAND_H_

#include <string>
#include <vector>

#include "sandbox/installation.h"

namespace voidbox {

// `voidbox host start|stop|status|exec`; each returns the exit status.
int HostStart(const Installation& installation, bool json);
int HostStop(bool json);
int HostStatus(bool json);
int HostExec(const Installation& installation, const std::vector<std::string>& argv);

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_HOST_COMMAND_H_

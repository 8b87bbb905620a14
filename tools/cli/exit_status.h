#ifndef VOIDBOX_TOOLS_CLI_EXIT_STATUS_H_
#define VOIDBOX_TOOLS_CLI_EXIT_STATUS_H_

#include "absl/status/status.h"
#include "agent/agent.pb.h"

namespace voidbox {

// Exit statuses beside the command's own, as timeout(1) and docker-run(1) have them.
inline constexpr int kExitTimedOut = 124;
inline constexpr int kExitOwnError = 125;
inline constexpr int kExitSignalBase = 128;

// For a command that ended so; what a person should know beside the status is logged.
int ExitStatusOf(const agent::ExecEnded& ended);
// 125, after the error was logged; 141 (SIGPIPE) without a word when the reader of the output went
// away.
int ExitStatusOf(const absl::Status& error);

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_EXIT_STATUS_H_

#ifndef VOIDBOX_AGENT_RUN_TS_RUN_TS_COMMAND_H_
#define VOIDBOX_AGENT_RUN_TS_RUN_TS_COMMAND_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "agent/agent.pb.h"

namespace voidbox {

inline constexpr char kDeno[] = "/home/user/.deno/bin/deno";
inline constexpr size_t kMaxCodeBytes = 512 << 10;

// The command that runs a program: Deno, allowed the workspace, the variables of the request's
// environment, and the network where the request allows it; without that it loads no remote modules
// either, which Deno does not count as network access. Given as code, the program comes by standard
// input, so that it is no file that another process could change; its imports are relative to the
// workspace. `preload` is the URL of a module that runs before it. INVALID_ARGUMENT for a request
// that is wrong in itself.
absl::StatusOr<agent::ExecRequest> RunTsCommand(const agent::RunTsRequest& request,
                                                const std::string& preload);

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_RUN_TS_RUN_TS_COMMAND_H_

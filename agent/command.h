#ifndef VOIDBOX_AGENT_COMMAND_H_
#define VOIDBOX_AGENT_COMMAND_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/agent.pb.h"

namespace voidbox {

// Bounds of a request. Linux itself takes 128 KiB for one string and a quarter of the stack for all
// (MAX_ARG_STRLEN, _STK_LIM / 4), so that what passes here also passes execve(2).
inline constexpr size_t kMaxArguments = 4096;
inline constexpr size_t kMaxArgumentBytes = 128 << 10;  // all of them, terminators included
inline constexpr size_t kMaxEnvironmentVariables = 4096;
inline constexpr size_t kMaxEnvironmentBytes = 128 << 10;
inline constexpr size_t kMaxWorkingDirectoryBytes = 4095;  // PATH_MAX without the terminator
inline constexpr absl::Duration kMaxTimeout = absl::Hours(24 * 365);
inline constexpr absl::Duration kMaxKillGrace = absl::Minutes(1);

// A checked ExecRequest.
struct Command {
  std::vector<std::string> arguments;    // at least one
  std::vector<std::string> environment;  // "NAME=value", the base environment included
  std::string path;                      // PATH of that environment
  std::string working_directory;         // absolute
  absl::Duration timeout = absl::InfiniteDuration();
  absl::Duration kill_grace;
  bool wants_input = false;
};

// INVALID_ARGUMENT with the field, the value and the limit.
absl::StatusOr<Command> ParseCommand(const agent::ExecRequest& request);

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_COMMAND_H_

#ifndef VOIDBOX_AGENT_COMMAND_H_
#define VOIDBOX_AGENT_COMMAND_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/accounts.h"
#include "agent/agent.pb.h"
#include "agent/exec_limits.h"

namespace voidbox {

// Bounds of a request: those of execve(2). One string, terminator included (MAX_ARG_STRLEN); and
// all arguments and variables, with a pointer to each: a quarter of a stack of 8 MiB (exec.c,
// bprm_stack_limits).
inline constexpr size_t kMaxStringBytes = 128 << 10;
inline constexpr size_t kMaxStringsBytes = 2 << 20;
inline constexpr size_t kMaxWorkingDirectoryBytes = 4095;  // PATH_MAX without the terminator
inline constexpr absl::Duration kMaxTimeout = absl::Hours(24 * 365);
inline constexpr absl::Duration kMaxKillGrace = absl::Minutes(1);

// Where commands run.
struct CommandSetting {
  // False where they run as the caller and see what it sees, as in the emulated KVM host: a request
  // for anything else is refused.
  bool isolates = false;
  // What a command started always ends with it.
  bool kills_trees = false;
  AccountFiles account_files;
  // The root of commands in a jail.
  std::string jail = "/home/user";
};

// The size of a terminal in characters.
struct TerminalSize {
  uint16_t rows = 24;
  uint16_t columns = 80;
};

// A checked ExecRequest.
struct Command {
  std::vector<std::string> arguments;    // at least one
  std::vector<std::string> environment;  // "NAME=value", the base environment included
  std::vector<size_t> requested;         // those of `environment` that the request has set
  std::string path;                      // PATH of that environment
  std::string base_path;                 // PATH of the base environment
  std::string working_directory;         // absolute; empty for the home, or / where there is none
  // As the kernel must then name it, or a directory above it; empty for any.
  std::vector<std::string> allowed_directories;
  std::string home;  // as the command sees it
  // Who it runs as; as the caller, without one.
  std::optional<Account> account;
  // Its root directory, with all that a jail is; empty outside of one.
  std::string jail;
  ExecLimits limits;
  std::optional<TerminalSize> terminal;
  absl::Duration timeout = absl::InfiniteDuration();
  // From the start, after which what it has left running ends too.
  absl::Duration max_tree_time = absl::InfiniteDuration();
  absl::Duration kill_grace;
  // What it started ends with it.
  bool kill_tree = false;
  bool wants_input = false;
  bool keep = false;
};

// INVALID_ARGUMENT with the field, the value and the limit.
absl::StatusOr<Command> ParseCommand(const agent::ExecRequest& request,
                                     const CommandSetting& setting);

// INVALID_ARGUMENT unless it is 1 to 65,535 both ways.
absl::StatusOr<TerminalSize> ParseTerminalSize(const agent::WindowSize& size);

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_COMMAND_H_

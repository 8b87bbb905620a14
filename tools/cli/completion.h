#ifndef VOIDBOX_TOOLS_CLI_COMPLETION_H_
#define VOIDBOX_TOOLS_CLI_COMPLETION_H_

#include <string>

#include "absl/status/statusor.h"
#include "tools/cli/flag_parser.h"

namespace voidbox {

// The script that completes the command line of `app`, called voidbox, in `shell`: bash, zsh or
// fish. What can follow a flag is told by its type's name: FILE and DIR are paths, and so are
// FILE's variants; what it must be a member of is offered. IMAGE and ID arguments, and --image,
// complete to the names of images and detached sandboxes.
absl::StatusOr<std::string> CompletionScript(const std::string& shell, FlagParser app);

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_COMPLETION_H_

#ifndef VOIDBOX_TOOLS_CLI_COMPLETION_H_
#define VOIDBOX_TOOLS_CLI_COMPLETION_H_

#include <string>

#include "absl/status/statusor.h"

namespace voidbox {

// The script that completes voidbox' command line in `shell`: bash, zsh or fish.
absl::StatusOr<std::string> CompletionScript(const std::string& shell);

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_COMPLETION_H_

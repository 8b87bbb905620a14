#ifndef VOIDBOX_SANDBOX_HOME_H_
#define VOIDBOX_SANDBOX_HOME_H_

#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace voidbox {

// Value of an environment variable, if set and not empty; a parameter so that tests need no
// environment.
using Environment = std::function<std::optional<std::string>(const char* name)>;
std::optional<std::string> ProcessEnvironment(const char* name);

// $VOIDBOX_HOME, else $XDG_DATA_HOME/voidbox, else $HOME/.local/share/voidbox: absolute, with no
// links in what exists of it. FAILED_PRECONDITION when none of them is set.
absl::StatusOr<std::string> VoidboxHome(const Environment& environment = ProcessEnvironment);
// $XDG_CACHE_HOME/voidbox, else $HOME/.cache/voidbox.
absl::StatusOr<std::string> VoidboxCache(const Environment& environment = ProcessEnvironment);

// Creates `path` (mode 0700) and what is missing above it.
absl::Status CreatePrivateDirectory(const std::string& path);

}  // namespace voidbox

#endif  // VOIDBOX_SANDBOX_HOME_H_

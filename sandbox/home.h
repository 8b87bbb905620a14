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

// The home of this process' account, as /etc/passwd and its like have it; nothing when it has none.
std::optional<std::string> AccountHome();
using AccountHomeFunction = std::function<std::optional<std::string>()>;

// $VOIDBOX_HOME, else $XDG_DATA_HOME/voidbox, else $HOME/.local/share/voidbox, where HOME is the
// account's when it is not set: absolute, with no links in what exists of it. FAILED_PRECONDITION
// when there is none of them.
absl::StatusOr<std::string> VoidboxHome(const Environment& environment = ProcessEnvironment,
                                        const AccountHomeFunction& account = AccountHome);
// $XDG_CACHE_HOME/voidbox, else $HOME/.cache/voidbox, else $VOIDBOX_HOME/cache.
absl::StatusOr<std::string> VoidboxCache(const Environment& environment = ProcessEnvironment,
                                         const AccountHomeFunction& account = AccountHome);

// Creates `path` (mode 0700) and what is missing above it.
absl::Status CreatePrivateDirectory(const std::string& path);
// Why `path`, below $VOIDBOX_HOME, cannot be made or written, and what helps.
absl::Status PlaceError(const std::string& path, int error);

}  // namespace voidbox

#endif  // VOIDBOX_SANDBOX_HOME_H_

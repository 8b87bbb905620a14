#ifndef VOIDBOX_TOOLS_CLI_RUN_OPTIONS_H_
#define VOIDBOX_TOOLS_CLI_RUN_OPTIONS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "image/store/image_store.h"
#include "sandbox/installation.h"
#include "tools/cli/run_flags.h"
#include "tools/cli/run_native.h"

namespace voidbox {

// What the flags and the command ask for; with an image, its command where none is given. `lease`
// is set then: it keeps the image, and is to be held as long as the sandbox runs.
absl::StatusOr<RunOptions> ToRunOptions(const RunFlags& flags,
                                        const std::vector<std::string>& command,
                                        const Installation& installation, const std::string& home,
                                        std::optional<ImageLease>& lease);

// Whether the emulated host can open the files of the machine that are named in `options`.
absl::Status CheckMachineFiles(const Sandbox::Options& options);

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_RUN_OPTIONS_H_

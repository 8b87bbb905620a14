#ifndef VOIDBOX_TOOLS_CLI_RUN_IMAGE_H_
#define VOIDBOX_TOOLS_CLI_RUN_IMAGE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "image/store/image_manifest.h"
#include "image/store/image_store.h"
#include "tools/cli/run_flags.h"

namespace voidbox {

// The flags that say what `--image` of `flags` stands for: the kernel (unless one is given), the
// initramfs or root disk, the kernel's words, and the environment and working directory of the
// command, as far as `flags` does not have them itself. FAILED_PRECONDITION when the guest's memory
// is below the image's minimum.
absl::StatusOr<RunFlags> WithImage(const RunFlags& flags, const ImageStore& store,
                                   const Image& image);

// What runs in a sandbox of an image: `given` alone; without one, the image's entry point and
// command. --entrypoint of `flags` puts the image's entry point or a program before `given`, and
// the program alone in place of the image's. Nothing at all with --console and neither of the two,
// which asks for the console.
std::vector<std::string> CommandFor(const RunFlags& flags, const ImageConfig& config,
                                    const std::vector<std::string>& given);

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_RUN_IMAGE_H_

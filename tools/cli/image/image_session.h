#ifndef VOIDBOX_TOOLS_CLI_IMAGE_IMAGE_SESSION_H_
#define VOIDBOX_TOOLS_CLI_IMAGE_IMAGE_SESSION_H_

#include <functional>
#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "image/store/image_store.h"
#include "image/store/progress.h"
#include "tools/cli/output_format.h"

namespace voidbox {

// What the commands about images share.

// The store of this user. With `changes`, FAILED_PRECONDITION inside the emulated KVM host, whose
// locks the machine around it does not see. Otherwise what a killed import left is removed first.
absl::StatusOr<ImageStore> OpenImageStore(bool changes);

// The image as JSON: its manifest, digest, size and whether it is in use.
nlohmann::json DescribeImage(const ImageStore& store, const Image& image);

// How a person is told of an operation that takes long.
enum class ProgressStyle {
  kBar,         // on a terminal only
  kBarOrLines,  // elsewhere a line for each step
  kNone,
};

// Runs `operation` so that a signal makes it clean up and end; returns the exit status.
int RunInterruptibly(const std::function<absl::Status(Progress& progress)>& operation,
                     ProgressStyle style = ProgressStyle::kBar);

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_IMAGE_IMAGE_SESSION_H_

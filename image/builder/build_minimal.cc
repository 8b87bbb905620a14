// build_minimal OUTPUT AGENT BUSYBOX: the minimal flavour's initramfs for Bazel, packed as OUTPUT's
// ending says.
#include <string>

#include "absl/status/status.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "image/builder/image_builder.h"
#include "image/builder/minimal_flavour.h"
#include "image/store/progress.h"

namespace voidbox {
namespace {

absl::Status BuildMinimal(int argc, char** argv) {
  if (argc != 4) return absl::InvalidArgumentError("usage: build_minimal OUTPUT AGENT BUSYBOX");
  BuildOptions options;
  options.agent = argv[2];
  options.busybox = argv[3];
  const FlavourDefinition flavour = MinimalFlavour();
  NoProgress progress;
  ASSIGN_OR_RETURN(const Build build, BuildTree(flavour, options, progress));
  return WriteTree(flavour.form, build, argv[1]);
}

}  // namespace
}  // namespace voidbox

int main(int argc, char** argv) {
  voidbox::SetLogTarget(2, "build_minimal");
  const absl::Status status = voidbox::BuildMinimal(argc, argv);
  if (!status.ok()) voidbox::LogError(status.message());
  return status.ok() ? 0 : 1;
}

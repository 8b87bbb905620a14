#include "image/builder/minimal_flavour.h"

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "image/builder/guest_steps.h"
#include "image/builder/tree_files.h"
#include "image/flavours/flavour_files.h"
#include "image/tree_manifest.h"

namespace voidbox {
namespace {

// The directories, users and groups.
absl::Status AddMinimalBase(Build& build) {
  if (const absl::Status status = AddManifest(kMinimalManifest, build.tree); !status.ok()) {
    return absl::Status(status.code(), absl::StrCat("minimal.manifest: ", status.message()));
  }
  RETURN_IF_ERROR(AddText(build.tree, "/etc/passwd", {.permissions = 0644}, kMinimalPasswd));
  return AddText(build.tree, "/etc/group", {.permissions = 0644}, kMinimalGroup);
}

}  // namespace

FlavourDefinition MinimalFlavour() {
  return {.name = "minimal",
          .description = "an initramfs with the agent and BusyBox",
          .form = ImageForm::kInitramfs,
          .has_npm_programs = false,
          .steps = {AddMinimalBase, AddSystemBusybox, AddAgentAndUser, AddSmallToolchain,
                    AddClaudeCodeMock}};
}

}  // namespace voidbox

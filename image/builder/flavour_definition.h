#ifndef VOIDBOX_IMAGE_BUILDER_FLAVOUR_DEFINITION_H_
#define VOIDBOX_IMAGE_BUILDER_FLAVOUR_DEFINITION_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "image/builder/build.h"

namespace voidbox {

// What the guest boots from.
enum class ImageForm { kInitramfs, kRootfs };

// A kind of image that can be built: its steps, in their order.
struct FlavourDefinition {
  using Step = absl::Status (*)(Build& build);

  std::string name;
  std::string description;  // a line for people
  ImageForm form = ImageForm::kRootfs;
  bool has_npm_programs = false;  // Deno, and Claude Code if asked for
  std::vector<Step> steps;
};

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_BUILDER_FLAVOUR_DEFINITION_H_

#ifndef VOIDBOX_IMAGE_BUILDER_FLAVOURS_H_
#define VOIDBOX_IMAGE_BUILDER_FLAVOURS_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "image/builder/flavour_definition.h"

namespace voidbox {

// All that can be built; the first is the default.
std::vector<FlavourDefinition> Flavours();

// INVALID_ARGUMENT names those that there are.
absl::StatusOr<FlavourDefinition> FindFlavour(absl::string_view name);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_BUILDER_FLAVOURS_H_

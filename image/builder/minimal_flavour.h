#ifndef VOIDBOX_IMAGE_BUILDER_MINIMAL_FLAVOUR_H_
#define VOIDBOX_IMAGE_BUILDER_MINIMAL_FLAVOUR_H_

#include "image/builder/flavour_definition.h"

namespace voidbox {

// The agent and BusyBox: what `voidbox run` boots where no image is named, and `voidbox image
// build` builds where no flavour is.
FlavourDefinition MinimalFlavour();

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_BUILDER_MINIMAL_FLAVOUR_H_

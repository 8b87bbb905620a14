#ifndef VOIDBOX_IMAGE_BUILDER_BUILD_FOR_STORE_H_
#define VOIDBOX_IMAGE_BUILDER_BUILD_FOR_STORE_H_

#include <string>

#include "absl/status/statusor.h"
#include "image/builder/build.h"
#include "image/builder/flavour_definition.h"
#include "image/store/image_store.h"

namespace voidbox {

// Builds an image, and puts it into the store under `name` in place of the one that is there. The
// store is locked only once all is there to be written.
absl::StatusOr<Image> BuildForStore(const FlavourDefinition& flavour, const BuildOptions& options,
                                    const std::string& name, ImageStore& store, Progress& progress);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_BUILDER_BUILD_FOR_STORE_H_

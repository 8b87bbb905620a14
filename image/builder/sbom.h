#ifndef VOIDBOX_IMAGE_BUILDER_SBOM_H_
#define VOIDBOX_IMAGE_BUILDER_SBOM_H_

#include <cstdint>
#include <string>
#include <vector>

#include "image/builder/component.h"

namespace voidbox {

// The list of what is in an image as SPDX 2.3 JSON (spdx.github.io/spdx-spec/v2.3). The same
// components and time give the same bytes; the document's namespace is made of their digest.
std::string MakeSbom(const std::string& image, const std::vector<Component>& components,
                     int64_t source_date_epoch);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_BUILDER_SBOM_H_

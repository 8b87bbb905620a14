#ifndef VOIDBOX_IMAGE_BUILDER_COMPONENT_H_
#define VOIDBOX_IMAGE_BUILDER_COMPONENT_H_

#include <optional>
#include <string>

#include "image/store/digest.h"

namespace voidbox {

// Something with a version that is in an image.
struct Component {
  std::string name;
  std::string version;
  // A package URL (github.com/package-url/purl-spec); empty for what is in no registry.
  std::string purl;
  std::optional<Digest> digest;  // of the file, where it is one
  std::string comment;           // for people; may be empty
};

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_BUILDER_COMPONENT_H_

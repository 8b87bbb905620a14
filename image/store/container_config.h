#ifndef VOIDBOX_IMAGE_STORE_CONTAINER_CONFIG_H_
#define VOIDBOX_IMAGE_STORE_CONTAINER_CONFIG_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "image/file_tree.h"
#include "image/oci_manifest.h"
#include "image/store/image_manifest.h"

namespace voidbox {

struct AdoptedConfig {
  ImageConfig config;
  // Who commands run as.
  uint32_t uid = 1000;
  uint32_t gid = 1000;
};

// How commands run in an image that is made of a container image (OCI image-spec, config.md), all
// of it hostile. Its user is looked up in the files of `tree`, which are the image's own still
// (FindContainerUser). A relative working directory is one below /, and a variable without a value
// is none. INVALID_ARGUMENT names the field.
absl::StatusOr<AdoptedConfig> AdoptContainerConfig(const OciImageConfig& config,
                                                   const FileTree& tree);

// Makes the working directory where it is missing, as container runtimes do before they start a
// command; it belongs to whom commands run as. INVALID_ARGUMENT when something is in the way.
absl::Status MakeWorkingDirectory(const AdoptedConfig& adopted, FileTree& tree);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_STORE_CONTAINER_CONFIG_H_

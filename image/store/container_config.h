#ifndef VOIDBOX_IMAGE_STORE_CONTAINER_CONFIG_H_
#define VOIDBOX_IMAGE_STORE_CONTAINER_CONFIG_H_

#include <cstdint>
#include <string>
#include <vector>

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
  std::vector<std::string> volumes;  // clean
};

// How commands run in an image that is made of a container image (OCI image-spec, config.md), all
// of it hostile. Its user is looked up in the files of `tree`, which are the image's own still
// (FindContainerUser). A relative directory is one below /, and a variable without a name or a
// value is none. INVALID_ARGUMENT names the field.
absl::StatusOr<AdoptedConfig> AdoptContainerConfig(const OciImageConfig& config,
                                                   const FileTree& tree);

// Makes the working directory and those of volumes where they are missing, as container runtimes do
// before they start a command; the first belongs to whom commands run as, the others to root.
// INVALID_ARGUMENT when something is in the way.
absl::Status MakeDirectories(const AdoptedConfig& adopted, FileTree& tree);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_STORE_CONTAINER_CONFIG_H_

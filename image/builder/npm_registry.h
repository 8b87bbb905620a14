#ifndef VOIDBOX_IMAGE_BUILDER_NPM_REGISTRY_H_
#define VOIDBOX_IMAGE_BUILDER_NPM_REGISTRY_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace voidbox {

// Where npm packages come from: $npm_config_registry (or $NPM_CONFIG_REGISTRY), else what the first
// of these files with a line `registry=URL` says, else npm's own registry. Without a slash at its
// end.
std::string NpmRegistry(const std::vector<std::string>& files);
// The same with the files that npm reads: ~/.npmrc ($NPM_CONFIG_USERCONFIG) and /etc/npmrc.
std::string NpmRegistry();

// The archive of a package there: a registry keeps @scope/name in @scope/name/-/name-VERSION.tgz.
std::string NpmArchiveUrl(absl::string_view registry, absl::string_view name,
                          absl::string_view version);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_BUILDER_NPM_REGISTRY_H_

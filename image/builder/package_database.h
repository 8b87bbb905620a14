#ifndef VOIDBOX_IMAGE_BUILDER_PACKAGE_DATABASE_H_
#define VOIDBOX_IMAGE_BUILDER_PACKAGE_DATABASE_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "image/builder/component.h"

namespace voidbox {

// The packages that a distribution's own database says are installed, by name. A database may come
// from a stranger's archive: INVALID_ARGUMENT with the line for a record without name or version,
// or with one that is no word of printable ASCII characters; RESOURCE_EXHAUSTED beyond 100,000
// packages.

// /var/lib/dpkg/status: deb822 paragraphs (deb822(5)), of which those with "Status: ... installed"
// count.
absl::StatusOr<std::vector<Component>> ParseDpkgStatus(absl::string_view text);

// /lib/apk/db/installed: paragraphs of lines "P:name", "V:version", "A:architecture" and others
// (apk-tools, doc/apk-v2).
absl::StatusOr<std::vector<Component>> ParseApkInstalled(absl::string_view text);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_BUILDER_PACKAGE_DATABASE_H_

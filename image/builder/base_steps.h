#ifndef VOIDBOX_IMAGE_BUILDER_BASE_STEPS_H_
#define VOIDBOX_IMAGE_BUILDER_BASE_STEPS_H_

#include "absl/status/status.h"
#include "image/builder/build.h"

namespace voidbox {

// The steps that a flavour begins with. Where the caller gives a base tarball, that is what they
// take, and nothing is downloaded.

// Debian with debian.packages; and with agents.packages beside.
absl::Status AddDebianBase(Build& build);
absl::Status AddAgentsBase(Build& build);
// Alpine's minirootfs: the tarball, or the latest one of the mirror, checked by the digest that the
// mirror's list of releases has.
absl::Status AddAlpineBase(Build& build);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_BUILDER_BASE_STEPS_H_

#ifndef VOIDBOX_IMAGE_OCI_REFERENCE_H_
#define VOIDBOX_IMAGE_OCI_REFERENCE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace voidbox {

// The whole name of a container image, as Docker completes a short one: "app" is
// docker.io/library/app:latest, "me/app:1" is docker.io/me/app:1, and "localhost/app" and
// "ghcr.io/me/app" have a registry already. A digest behind an "@" is left out.
std::string CompleteImageName(absl::string_view name);

// Whether somebody who says `reference` means an image called `name`: the same words, or the same
// when both are completed.
bool ReferenceNames(absl::string_view reference, absl::string_view name);

// Whether `reference` is the digest `hex` (64 digits of SHA-256), or at least its first 12 digits;
// "sha256:" in front, and a name and "@" in front of that, may be there.
bool ReferenceIsDigest(absl::string_view reference, absl::string_view hex);

// The variant of the platform that is asked for: "v3" of "linux/amd64/v3", empty where none is
// named. INVALID_ARGUMENT for what is no platform of a guest.
absl::StatusOr<std::string> ParseGuestPlatform(absl::string_view platform);

// Whether files for this platform are for a guest; an empty word says nothing against it (crane
// writes configurations without).
bool IsGuestPlatform(absl::string_view os, absl::string_view architecture);

// How far a variant of amd64 is from what every machine has: 0 for none, 3 for "v3".
int VariantRank(absl::string_view variant);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_OCI_REFERENCE_H_

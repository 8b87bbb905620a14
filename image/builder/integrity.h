#ifndef VOIDBOX_IMAGE_BUILDER_INTEGRITY_H_
#define VOIDBOX_IMAGE_BUILDER_INTEGRITY_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace voidbox {

// SHA-512 of a file from its start, as npm's lock files write it (W3C Subresource Integrity):
// "sha512-" and base64. `progress` is called with the number of bytes of each piece, and ends it
// with an error.
absl::StatusOr<std::string> Sha512Integrity(
    int fd, const std::function<absl::Status(uint64_t bytes)>& progress);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_BUILDER_INTEGRITY_H_

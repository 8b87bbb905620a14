#ifndef VOIDBOX_BASE_DESCRIPTOR_LIMIT_H_
#define VOIDBOX_BASE_DESCRIPTOR_LIMIT_H_

#include <cstdint>

#include "absl/status/statusor.h"

namespace voidbox {

// Raises this process' limit of open descriptors to `wanted`, or as far as the hard limit lets it;
// never lowers it. Returns the limit that holds then. What this process starts inherits it.
absl::StatusOr<uint64_t> RaiseDescriptorLimit(uint64_t wanted);

}  // namespace voidbox

#endif  // VOIDBOX_BASE_DESCRIPTOR_LIMIT_H_

#ifndef VOIDBOX_AGENT_REQUEST_FIELDS_BOUND_H_
#define VOIDBOX_AGENT_REQUEST_FIELDS_BOUND_H_

#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace voidbox {

// Fields of a Request and of the call in it. No command has more: its strings and the 8 bytes for
// the pointer to each have 2 MiB together (agent/command.h).
inline constexpr size_t kMaxRequestFields = (2 << 20) / sizeof(char*);

// INVALID_ARGUMENT when the bytes of a Request (protobuf's wire format) have more fields than that.
// An empty string takes two bytes of a frame and some forty when it is parsed, so that it is asked
// before. What is no wire format is left to the parser.
absl::Status CheckRequestFields(absl::string_view request);

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_REQUEST_FIELDS_BOUND_H_

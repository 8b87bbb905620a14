#ifndef VOIDBOX_AGENT_LATE_LINKS_H_
#define VOIDBOX_AGENT_LATE_LINKS_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"

namespace voidbox {

inline constexpr size_t kMaxLateLinksBytes = 1 << 20;

// Makes the symbolic links of kLateLinkList below `root` ("" for the root of all), and removes the
// list. What is there already stays. Returns how many links were made; 0 when there is no list.
// INVALID_ARGUMENT for a line that is no link, RESOURCE_EXHAUSTED for a list of more than
// kMaxLateLinksBytes; the links of the lines before stay.
absl::StatusOr<int> MakeLateLinks(const std::string& root);

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_LATE_LINKS_H_

#ifndef VOIDBOX_AGENT_HOSTS_FILE_H_
#define VOIDBOX_AGENT_HOSTS_FILE_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace voidbox {

// hosts(5). What an image has of it is read as the hostile bytes that it is.

// A longer file is no table of hosts that was made by hand.
inline constexpr size_t kMaxHostsBytes = 1 << 20;

// The lines that `hosts` lacks for localhost and `host_name` to be known: each ends with a newline.
std::string MissingHosts(absl::string_view hosts, absl::string_view host_name);

// The addresses of the lines that have `name`, in their order and as they are written there.
std::vector<std::string> AddressesOf(absl::string_view hosts, absl::string_view name);

// Adds the missing lines to the file, which is made when missing, with its directory.
// INVALID_ARGUMENT when it is no regular file, or longer than a name server should replace.
absl::Status CompleteHosts(const std::string& path, absl::string_view host_name);

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_HOSTS_FILE_H_

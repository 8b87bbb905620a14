#ifndef VOIDBOX_AGENT_PING_PING_H_
#define VOIDBOX_AGENT_PING_PING_H_

#include <span>

#include "absl/strings/string_view.h"

namespace voidbox {

// What the guest agent is by the names `ping` and `ping6`: BusyBox' ping knows raw sockets alone,
// which only root may have; this one asks by ping sockets, and so works for every user. Names are
// those of /etc/hosts.
//
// Prints to standard output and error as ping does. Returns the exit status: 0 when an answer came,
// else 1. Ends at SIGINT, with its sums. A process of one thread.
int RunPing(absl::string_view name, std::span<const char* const> arguments);

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_PING_PING_H_

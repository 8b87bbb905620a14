#ifndef VOIDBOX_AGENT_JAIL_TOOLS_H_
#define VOIDBOX_AGENT_JAIL_TOOLS_H_

#include <string>

#include "absl/status/statusor.h"

namespace voidbox {

// Makes the links of a jail's BusyBox that its image has left out, since each entry of an initramfs
// costs boot time: for each link to a `busybox` in the directories of programs of `root`, whose
// user is root, a link to `busybox` in the jail's /bin. Returns how many are new.
//
// The jail belongs to a user who is hostile, so that nothing in it is followed or run: its /bin
// must still be a directory of root's with a busybox of root's, that nobody else can write to, or
// nothing is done. Does nothing either when there is a link for `ls` already: then the image has
// all.
//
// Both paths are absolute, and "" is the root of all.
absl::StatusOr<int> CompleteJailTools(const std::string& root, const std::string& jail);

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_JAIL_TOOLS_H_

#ifndef VOIDBOX_IMAGE_GUEST_PARTS_H_
#define VOIDBOX_IMAGE_GUEST_PARTS_H_

#include <string>

#include "absl/status/status.h"
#include "image/file_tree.h"

namespace voidbox {

// Makes a root file system of somebody else's into one that a sandbox boots (docs/images.md, "What
// a guest image must have to work"): the agent, a file at `agent`, becomes /sbin/guest-agent and
// /sbin/init; the user `user` with uid and gid 1000, his home and /workspace are added where they
// are absent. All that was not needed stays as it was.
absl::Status AddGuestParts(FileTree& tree, const std::string& agent);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_GUEST_PARTS_H_

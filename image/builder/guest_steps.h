#ifndef VOIDBOX_IMAGE_BUILDER_GUEST_STEPS_H_
#define VOIDBOX_IMAGE_BUILDER_GUEST_STEPS_H_

#include "absl/status/status.h"
#include "image/builder/build.h"

namespace voidbox {

// The steps that make a guest of a tree: what the guest contract of docs/images.md wants.

// What AddGuestParts adds (image/guest_parts.h), and /init for an initramfs. Comes before
// AddToolchain, which adds to the user's home.
absl::Status AddAgentAndUser(Build& build);
// /bin/ping and /bin/ping6 as names of the agent, unless the image has others than BusyBox', which
// needs a raw socket. An initramfs has them from AddSystemBusybox.
absl::Status AddPing(Build& build);
// In /home/user, for commands that see nothing else: bin/busybox with a link for each of its
// programs, and the device nodes of dev/. Without a BusyBox, only the nodes.
absl::Status AddToolchain(Build& build);
// The same with a link for `sh` alone, for an initramfs: each entry takes the kernel some 20
// microseconds to unpack at every boot.
absl::Status AddSmallToolchain(Build& build);
// BusyBox as the image's own /bin/sh, for an initramfs; the agent makes the links for its other
// programs, where its file list puts them, init apart (base/late_link_list.h). Without a BusyBox a
// warning says that the guest has no shell.
absl::Status AddSystemBusybox(Build& build);
// /usr/local/bin/claude-code, the mock.
absl::Status AddClaudeCodeMock(Build& build);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_BUILDER_GUEST_STEPS_H_

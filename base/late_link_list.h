#ifndef VOIDBOX_BASE_LATE_LINK_LIST_H_
#define VOIDBOX_BASE_LATE_LINK_LIST_H_

namespace voidbox {

// The symbolic links that an initramfs leaves to the agent, which makes them when the host knows
// that it is ready: a line for each, its target, a space and its absolute path. The agent removes
// the file.
inline constexpr char kLateLinkList[] = "/usr/lib/voidbox/late-links";

}  // namespace voidbox

#endif  // VOIDBOX_BASE_LATE_LINK_LIST_H_

#ifndef VOIDBOX_BASE_VERSION_H_
#define VOIDBOX_BASE_VERSION_H_

namespace voidbox {

// Of everything in the repository: the tools, the VMM and the guest agent.
inline constexpr char kVersion[] = "0.1.0";

}  // namespace voidbox

#endif  // VOIDBOX_BASE_VERSION_H_

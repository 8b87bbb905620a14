#ifndef VOIDBOX_SANDBOX_EMULATED_HOST_HOSTD_UP_H_
#define VOIDBOX_SANDBOX_EMULATED_HOST_HOSTD_UP_H_

namespace voidbox {

// What hostd says on its console once its state is worth saving: every module is loaded, and no
// file of the outer machine is mounted, which would forbid to save it.
inline constexpr char kHostdUp[] = "waits for the broker";

}  // namespace voidbox

#endif  // VOIDBOX_SANDBOX_EMULATED_HOST_HOSTD_UP_H_

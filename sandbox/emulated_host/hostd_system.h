#ifndef VOIDBOX_SANDBOX_EMULATED_HOST_HOSTD_SYSTEM_H_
#define VOIDBOX_SANDBOX_EMULATED_HOST_HOSTD_SYSTEM_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "sandbox/emulated_host/host.pb.h"

namespace voidbox {

// What hostd does to the emulated machine as its PID 1.

// Mounts /proc, /sys, /dev and cgroup2 in the initramfs and loads its modules.
absl::Status PrepareMachine();
// The virtio-serial port to the broker, non-blocking.
absl::StatusOr<UniqueFd> OpenBrokerPort();
// Takes what the state that was saved cannot have: the clock, entropy, and the outer machine's
// files, which become the root directory.
absl::Status SetUp(const host::HostSetup& setup);
// Forgets what was cached of the outer machine's files, which may have changed since. Files that
// are open, and directories above them, stay as they are known.
void ForgetCachedFiles();
[[noreturn]] void PowerOff();

}  // namespace voidbox

#endif  // VOIDBOX_SANDBOX_EMULATED_HOST_HOSTD_SYSTEM_H_

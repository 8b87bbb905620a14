#ifndef VOIDBOX_TOOLS_CLI_SANDBOX_END_SANDBOX_H_
#define VOIDBOX_TOOLS_CLI_SANDBOX_END_SANDBOX_H_

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "sandbox/sandbox_record.h"

namespace voidbox {

// Ends a sandbox through its owner, and waits until both are gone. An orderly end lets the guest
// end what runs and write its disks, for `patience` at most; then, or at once, all is killed.
absl::Status EndSandbox(const SandboxRecord& record, bool orderly, absl::Duration patience);

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_SANDBOX_END_SANDBOX_H_

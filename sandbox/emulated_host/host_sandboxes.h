#ifndef VOIDBOX_SANDBOX_EMULATED_HOST_HOST_SANDBOXES_H_
#define VOIDBOX_SANDBOX_EMULATED_HOST_HOST_SANDBOXES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/unique_fd.h"
#include "sandbox/sandbox_record.h"

namespace voidbox {

// The sandboxes inside the running emulated host of `home`, by way of its broker and hostd: no
// program is started there. NOT_FOUND when no host runs. The process numbers in their records are
// those inside.

// Oldest first.
absl::StatusOr<std::vector<SandboxRecord>> ListHostSandboxes(const std::string& home);
// A connection to the kVsockSocket or kControlSocket of sandbox `id`, which ends at once when there
// is no such sandbox.
absl::StatusOr<UniqueFd> ConnectToHostSandbox(const std::string& home, const std::string& id,
                                              const std::string& socket);
// As EndSandbox.
absl::Status EndHostSandbox(const std::string& home, const std::string& id, bool orderly,
                            absl::Duration patience);

}  // namespace voidbox

#endif  // VOIDBOX_SANDBOX_EMULATED_HOST_HOST_SANDBOXES_H_

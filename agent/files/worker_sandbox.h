#ifndef VOIDBOX_AGENT_FILES_WORKER_SANDBOX_H_
#define VOIDBOX_AGENT_FILES_WORKER_SANDBOX_H_

#include <string>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace voidbox {

// Makes this process, root's, one that can do to the workspace what its user can, and nothing else:
// root directory, uid and gid 1000, no capabilities and none to gain, bounded memory and
// descriptors, no processes of its own. Returns its new root (O_PATH). Whatever goes wrong in what
// it does then, files elsewhere are not there.
absl::StatusOr<UniqueFd> EnterWorkspace(const std::string& workspace);

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_FILES_WORKER_SANDBOX_H_

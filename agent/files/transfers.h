#ifndef VOIDBOX_AGENT_FILES_TRANSFERS_H_
#define VOIDBOX_AGENT_FILES_TRANSFERS_H_

#include "absl/status/status.h"
#include "agent/agent.pb.h"
#include "agent/files/call_stream.h"

namespace voidbox {

// Whole trees into and out of the directory `root`; see agent.proto. Each sends all but an Error.

// Unpacks into a Staging directory, and moves what came into place (MoveTree) once all has come, so
// that a call that fails, a host that hangs up and a worker that is killed before that leave the
// destination as it was.
absl::Status Upload(int root, const agent::UploadRequest& request, CallStream& stream);
absl::Status Download(int root, const agent::DownloadRequest& request, CallStream& stream);

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_FILES_TRANSFERS_H_

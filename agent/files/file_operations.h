#ifndef VOIDBOX_AGENT_FILES_FILE_OPERATIONS_H_
#define VOIDBOX_AGENT_FILES_FILE_OPERATIONS_H_

#include "absl/status/status.h"
#include "agent/agent.pb.h"
#include "agent/files/call_stream.h"

namespace voidbox {

// The operations of a FileRequest that are answered at once, on paths beneath `root`. Each sends
// its answer; an error is for the caller to send. See agent.proto for what they do, and beneath.h
// for how paths are resolved.
absl::Status StatFile(int root, const agent::StatFile& request, CallStream& stream);
absl::Status ListDirectory(int root, const agent::ListDirectory& request, CallStream& stream);
absl::Status MakeDirectory(int root, const agent::MakeDirectory& request, CallStream& stream);
absl::Status RenameFile(int root, const agent::RenameFile& request, CallStream& stream);
absl::Status RemoveFile(int root, const agent::RemoveFile& request, CallStream& stream);

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_FILES_FILE_OPERATIONS_H_

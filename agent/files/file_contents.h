#ifndef VOIDBOX_AGENT_FILES_FILE_CONTENTS_H_
#define VOIDBOX_AGENT_FILES_FILE_CONTENTS_H_

#include "absl/status/status.h"
#include "agent/agent.pb.h"
#include "agent/files/call_stream.h"

namespace voidbox {

// Reading and writing one file beneath `root`; see agent.proto.
absl::Status ReadFileContents(int root, const agent::ReadFile& request, CallStream& stream);
// A new file, or new contents of one, are written beside it under a name of Staging and renamed at
// the end. With `append` the file grows as the data come.
absl::Status WriteFileContents(int root, const agent::WriteFile& request, CallStream& stream);

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_FILES_FILE_CONTENTS_H_

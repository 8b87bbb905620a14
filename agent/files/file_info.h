#ifndef VOIDBOX_AGENT_FILES_FILE_INFO_H_
#define VOIDBOX_AGENT_FILES_FILE_INFO_H_

#include <string>

#include "absl/status/statusor.h"
#include "agent/agent.pb.h"

namespace voidbox {

// What is at `name` in `directory`; a link itself, not what it leads to. `name` may be empty for
// the directory (or file, O_PATH) itself. The caller sets the message's name.
absl::StatusOr<agent::FileInfo> ReadFileInfo(int directory, const std::string& name);

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_FILES_FILE_INFO_H_

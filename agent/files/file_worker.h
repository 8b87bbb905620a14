#ifndef VOIDBOX_AGENT_FILES_FILE_WORKER_H_
#define VOIDBOX_AGENT_FILES_FILE_WORKER_H_

#include <string>

#include "absl/status/status.h"
#include "agent/agent.pb.h"

namespace voidbox {

// The mode of the agent's program that serves one call of files and ends (FileWorkers starts it).
inline constexpr char kFileWorkerMode[] = "file-worker";

// Its descriptors: the call's stream, the serialised Request in a file, and a log.
inline constexpr int kWorkerStream = 0;
inline constexpr int kWorkerRequest = 1;
inline constexpr int kWorkerLog = 2;

// Serves a file, upload or download call on the stream, with the files beneath `root`; the host has
// had the last frame when this returns. Blocking. An error when the host could not be told.
absl::Status ServeFileCall(int root, const agent::Request& request, int stream);

// main of the mode: confines itself to the workspace first. Returns its exit status.
int RunFileWorker(const std::string& workspace);

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_FILES_FILE_WORKER_H_

#ifndef VOIDBOX_AGENT_FILES_WATCH_FILES_H_
#define VOIDBOX_AGENT_FILES_WATCH_FILES_H_

#include "absl/status/status.h"
#include "agent/agent.pb.h"
#include "agent/files/call_stream.h"

namespace voidbox {

// Tells what happens to a path beneath `root` until the host hangs up on `stream_fd`, the stream's
// socket. Changes the process's working directory. What waits for the host is bounded by the
// kernel's queue (fs.inotify.max_queued_events), and OVERFLOW is sent when events were lost;
// RESOURCE_EXHAUSTED for a tree with more directories than can be watched.
absl::Status WatchFiles(int root, const agent::WatchFiles& request, CallStream& stream,
                        int stream_fd);

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_FILES_WATCH_FILES_H_

#ifndef VOIDBOX_AGENT_FILES_FILE_WORKERS_H_
#define VOIDBOX_AGENT_FILES_FILE_WORKERS_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/call.h"
#include "agent/command.h"
#include "agent/files/file_worker.h"
#include "agent/process_tree.h"
#include "agent/spawner.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"

namespace voidbox {

// Has each call of files served by a process of its own, a file worker (file_worker.h), which is
// given the call's stream: what blocks, grows or breaks there does so elsewhere. All that is left
// here is to know when it has ended. Belongs to the loop's thread.
class FileWorkers {
 public:
  struct Options {
    // What is run for a call; it finds the descriptors of file_worker.h.
    std::vector<std::string> command = {"/proc/self/exe", kFileWorkerMode};
    // Workers at once; a call beyond them is refused.
    size_t max_workers = 32;
    // For their log; borrowed.
    int log_fd = 2;
  };

  // All are borrowed. `spawner` starts them as root, which they cease to be.
  FileWorkers(EventLoop& loop, ProcessTrees& trees, Spawner& spawner, Options options);
  // Kills those that run.
  ~FileWorkers();

  // Of file, upload and download. They borrow this.
  CallHandlers Handlers();
  size_t running() const { return workers_.size(); }

 private:
  struct Worker {
    UniqueFd process;  // pidfd
    std::unique_ptr<ProcessTree> tree;
    EventLoop::Watch watch;
  };
  absl::Status Start(const agent::Request& request, int stream);
  absl::StatusOr<UniqueFd> Spawn(ProcessTree& tree, int request, int stream);
  void OnEnded(uint64_t id);
  void CheckGone(uint64_t id);

  EventLoop& loop_;
  ProcessTrees& trees_;
  Spawner& spawner_;
  const Options options_;
  const Command command_;
  uint64_t next_id_ = 1;
  std::unordered_map<uint64_t, Worker> workers_;
};

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_FILES_FILE_WORKERS_H_

#ifndef VOIDBOX_AGENT_PROCESS_TREE_H_
#define VOIDBOX_AGENT_PROCESS_TREE_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/exec_limits.h"

namespace voidbox {

// A process and all that it starts, to be killed and waited for together. Belongs to one thread.
// The end of its life kills what is left.
class ProcessTree {
 public:
  virtual ~ProcessTree() = default;

  // The cgroup that the first process must be started in, as a descriptor; -1 for none.
  virtual int cgroup() const = 0;
  // The first process runs.
  virtual void OnStarted(pid_t pid) = 0;
  // SIGKILL to every process that is left.
  virtual void Kill() = 0;
  // True when no process is left (zombies apart); nothing of the tree remains then. To be asked
  // after the first process has been reaped, and after each call of a GoneHint.
  virtual bool Gone() = 0;
  // Has `hint` called from the loop, perhaps more than once, when Gone may have become true.
  using GoneHint = std::function<void()>;
  virtual absl::Status WatchGone(GoneHint hint) = 0;
  // True when a process can leave the tree without a right to: Gone then says nothing of those.
  virtual bool MayBeLeft() const = 0;
  // How many are left, threads included.
  virtual uint32_t Processes() const = 0;
  // True when the kernel has killed a process of the tree for want of memory. Ask before Gone.
  virtual bool KilledForMemory() = 0;
};

struct TreeOptions {
  // Those of memory, processes and processors; the others are each process' own.
  ExecLimits limits;
  // None of its processes will have the right to change what the tree is made of.
  bool reusable = false;
};

// Makes trees of one kind.
class ProcessTrees {
 public:
  virtual ~ProcessTrees() = default;
  // UNIMPLEMENTED for a limit that cannot be set here.
  virtual absl::StatusOr<std::unique_ptr<ProcessTree>> Create(const TreeOptions& options) = 0;
};

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_PROCESS_TREE_H_

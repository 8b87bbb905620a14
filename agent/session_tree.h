#ifndef VOIDBOX_AGENT_SESSION_TREE_H_
#define VOIDBOX_AGENT_SESSION_TREE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "agent/process_tree.h"
#include "base/event_loop.h"

namespace voidbox {

// For where there is no cgroup to be had: a tree is the session of its first process, found by
// looking through /proc. A process that begins a session of its own escapes; so the guest, whose
// programs are hostile, uses CgroupTrees. It has no limits of memory and processors; that of
// processes is for the spawner to set.
class SessionTrees final : public ProcessTrees {
 public:
  explicit SessionTrees(EventLoop& loop) : loop_(loop) {}
  absl::StatusOr<std::unique_ptr<ProcessTree>> Create(const TreeOptions& options) override;

 private:
  EventLoop& loop_;
};

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_SESSION_TREE_H_

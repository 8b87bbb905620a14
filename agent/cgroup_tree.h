#ifndef VOIDBOX_AGENT_CGROUP_TREE_H_
#define VOIDBOX_AGENT_CGROUP_TREE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "agent/process_tree.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"

namespace voidbox {

// Each tree is a cgroup (version 2) named exec-<number> under one parent, whatever its processes do
// with sessions, groups and parents. See Linux Documentation/admin-guide/cgroup-v2.rst.
class CgroupTrees final : public ProcessTrees {
 public:
  // `parent` is a directory of a cgroup2 file system. Its controllers memory, pids and cpu are
  // handed to the trees as far as it has them.

  static absl::StatusOr<std::unique_ptr<CgroupTrees>> Create(EventLoop& loop,
                                                             const std::string& parent);
  absl::StatusOr<std::unique_ptr<ProcessTree>> Create() override;

 private:
  CgroupTrees(EventLoop& loop, UniqueFd parent) : loop_(loop), parent_(std::move(parent)) {}

  EventLoop& loop_;
  UniqueFd parent_;
  uint64_t next_number_ = 1;
};

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_CGROUP_TREE_H_

#ifndef VOIDBOX_AGENT_CGROUP_TREE_H_
#define VOIDBOX_AGENT_CGROUP_TREE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/process_tree.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"

namespace voidbox {

// Each tree is a cgroup (version 2) named exec-<number> under one parent, whatever its processes do
// with sessions, groups and parents. See Linux Documentation/admin-guide/cgroup-v2.rst.
class CgroupTrees final : public ProcessTrees {
 public:
  struct Options {
    // A directory of a cgroup2 file system. Its controllers memory, pids and cpu are handed to the
    // trees as far as it has them.
    std::string parent;
    // What all trees may use together, so that something is left for those who are in none; 0 is no
    // limit. With one, the trees are in a cgroup `execs` of the parent.
    uint64_t all_memory_bytes = 0;
    uint32_t all_processes = 0;
    // Of a tree whose limits name none.
    uint32_t default_processes = 0;
  };

  static absl::StatusOr<std::unique_ptr<CgroupTrees>> Create(EventLoop& loop,
                                                             const Options& options);
  // A tree that reaches its memory limit is killed as a whole. One without such a limit, but with
  // all of them at theirs, loses its largest process.
  absl::StatusOr<std::unique_ptr<ProcessTree>> Create(const TreeOptions& options) override;
  ~CgroupTrees() override;

  // One, and the files of it that are read.
  struct Cgroup {
    std::string name;
    UniqueFd directory;
    UniqueFd events;         // cgroup.events
    UniqueFd memory_events;  // memory.events, if it has that
    uint64_t oom_kills = 0;  // that were there before
  };

 private:
  CgroupTrees(EventLoop& loop, UniqueFd parent, uint32_t default_processes)
      : loop_(loop), parent_(std::move(parent)), default_processes_(default_processes) {}
  absl::StatusOr<Cgroup> MakeCgroup(const ExecLimits& limits);
  absl::Status SetLimits(int cgroup, const ExecLimits& limits) const;

  EventLoop& loop_;
  UniqueFd parent_;
  const uint32_t default_processes_;
  uint64_t next_number_ = 1;
  std::vector<Cgroup> idle_;
};

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_CGROUP_TREE_H_

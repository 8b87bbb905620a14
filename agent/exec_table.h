#ifndef VOIDBOX_AGENT_EXEC_TABLE_H_
#define VOIDBOX_AGENT_EXEC_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/agent.pb.h"
#include "agent/command.h"
#include "agent/exec.h"
#include "base/event_loop.h"

namespace voidbox {

// All execs by their ids: those that run or have left processes running, and of those that keep
// their output the ones that ended lately. Belongs to the loop's thread.
class ExecTable {
 public:
  // Execs that keep their output, running ones included: each may hold KeptOutput::kMaxBytes. For
  // one more, the oldest that has ended is given up.
  static constexpr size_t kMaxKept = 32;
  static constexpr uint32_t kMaxSignal = 64;

  // Execs that have left processes running: each holds two pipes and a cgroup. What one more
  // leaves is killed.
  static constexpr size_t kMaxLeft = 256;

  // A host hears at the latest after this that its command has started; sooner with what the
  // command says, or its end.
  static constexpr absl::Duration kStartedDelay = absl::Milliseconds(5);

  // The table itself says whether an exec may leave processes.
  explicit ExecTable(Exec::Environment environment);

  // RESOURCE_EXHAUSTED when kMaxKept that run keep their output; else as Exec::Start.
  absl::StatusOr<std::shared_ptr<Exec>> Start(Command command, Exec::Attachment& attachment);
  // Of those that keep their output. NOT_FOUND.
  absl::StatusOr<std::shared_ptr<Exec>> FindKept(uint64_t id) const;
  // Gives it up, unless it keeps its output or has left processes running.
  void Remove(uint64_t id);

  agent::ExecList List() const;
  size_t running() const;
  // Those that have ended and left processes running, and these.
  struct Left {
    size_t execs = 0;
    uint32_t processes = 0;
  };
  Left CountLeft() const;
  // Those that run or have left processes running.
  size_t living() const;
  // NOT_FOUND when there is no such exec; an end that came first is none.
  absl::Status Kill(const agent::KillExecRequest& request);

 private:
  absl::Status MakeRoom();
  bool ReleaseStartLater(uint64_t id);
  void ReleaseStarts();

  Exec::Environment environment_;
  uint64_t next_id_ = 1;
  std::map<uint64_t, std::shared_ptr<Exec>> execs_;  // oldest first
  std::vector<uint64_t> starting_;                   // what is due when start_timer_ rings
  std::optional<EventLoop::Timer> start_timer_;      // set while there are any
};

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_EXEC_TABLE_H_

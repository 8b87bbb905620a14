#ifndef VOIDBOX_AGENT_EXEC_POLICY_H_
#define VOIDBOX_AGENT_EXEC_POLICY_H_

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "agent/agent.pb.h"
#include "agent/command.h"
#include "agent/exec_limits.h"

namespace voidbox {

// What execs may do: everything, until a ConfigureRequest has said what. Not thread-safe.
class ExecPolicy {
 public:
  static constexpr size_t kMaxAllowedCommands = 4096;
  // Of variables and of directories.
  static constexpr size_t kMaxAllowedNames = 1024;
  static constexpr size_t kMaxAllowedBytes = 64 << 10;  // of each list

  // Takes effect for what is applied later. INVALID_ARGUMENT with the field; FAILED_PRECONDITION
  // the second time.
  absl::Status Configure(const agent::ConfigureRequest& request);

  // Gives `command` the limits that it has not asked for. PERMISSION_DENIED, with what to do, when
  // it may not run; RESOURCE_EXHAUSTED when `running` execs are as many as may run at once.
  absl::Status Apply(size_t running, Command& command) const;

 private:
  absl::Status CheckProgram(const Command& command) const;
  absl::Status CheckEnvironment(const Command& command) const;
  absl::Status ApplyDirectories(Command& command) const;
  absl::Status ApplyTimeout(Command& command) const;
  absl::Status ApplyLimits(Command& command) const;

  bool configured_ = false;
  std::set<std::string, std::less<>> allowed_commands_;  // empty: all, and so are the next two
  std::vector<std::string> allowed_environment_;
  std::vector<std::string> allowed_directories_;
  ExecLimits most_;       // 0: no limit
  size_t max_execs_ = 0;  // likewise
  absl::Duration max_timeout_ = absl::InfiniteDuration();
  bool forbid_root_ = false;
};

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_EXEC_POLICY_H_

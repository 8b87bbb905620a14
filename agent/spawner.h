#ifndef VOIDBOX_AGENT_SPAWNER_H_
#define VOIDBOX_AGENT_SPAWNER_H_

#include <sys/resource.h>
#include <sys/types.h>

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/command.h"

namespace voidbox {

// Starts programs. Belongs to one thread: that thread stands still from the start of a child until
// it has become its program (or failed to), so that nothing needs to be copied and no pipe is
// needed for its errors.
class Spawner {
 public:
  // What a child has beside what the command says. All descriptors are borrowed, and greater than
  // 2.
  struct Place {
    int input = -1;
    int output = -1;
    int error = -1;
    int cgroup = -1;  // directory of the cgroup it starts in; -1 for the caller's
  };
  // The command could not become a program: what a shell would return, and why.
  struct NotStarted {
    int exit_code = 0;
    std::string message;
  };
  struct ResourceLimit {
    __rlimit_resource resource;
    rlimit value;
  };

  // `limits` are set in every child.
  explicit Spawner(std::vector<ResourceLimit> limits);

  // The child runs in a session of its own, with default signal dispositions, an empty signal mask,
  // no descriptors beside the three, and no_new_privs. The program is looked up as execvp(3) does.
  // An error when the system gives no process at all.
  absl::StatusOr<std::variant<pid_t, NotStarted>> Start(const Command& command, const Place& place);

 private:
  const std::vector<ResourceLimit> limits_;
  // Signals that this process ignores: dispositions that execve(2) would hand on.
  std::vector<int> ignored_signals_;
  std::unique_ptr<char[]> stack_;  // of the child, until it has become its program
};

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_SPAWNER_H_

#ifndef VOIDBOX_AGENT_SPAWNER_H_
#define VOIDBOX_AGENT_SPAWNER_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/command.h"
#include "agent/spawned_child.h"

namespace voidbox {

// Starts programs. Belongs to one thread: that thread stands still from the start of a child until
// it has become its program (or failed to), so that nothing needs to be copied and no pipe is
// needed for its errors.
//
// A child that is its command's user already can be stopped by others of that user: one that has no
// program after kPatience is killed; on a slow and busy machine an honest one may take seconds.
class Spawner {
 public:
  static constexpr absl::Duration kPatience = absl::Seconds(10);

  // What a child has beside what the command says. All descriptors are borrowed, and greater than
  // 2.
  struct Place {
    int input = -1;
    int output = -1;
    int error = -1;
    bool controls_terminal = false;  // `input` is one
    int cgroup = -1;                 // directory of the cgroup it starts in; -1 for the caller's
  };
  // The command could not become a program: what a shell would return, and why.
  struct NotStarted {
    int exit_code = 0;
    std::string message;
  };

  // `limits` are set in every child, before the command's own.
  explicit Spawner(std::vector<ResourceLimit> limits);

  // The child runs in a session of its own, with default signal dispositions, an empty signal mask,
  // no descriptors beside the three, and no_new_privs; as the command's account, without
  // supplementary groups, and without capabilities unless that is root; in its jail, if it has one,
  // without any capability and with JailFilter. The program is looked up as execvp(3) does.
  // RESOURCE_EXHAUSTED when the system gives no process.
  absl::StatusOr<std::variant<pid_t, NotStarted>> Start(const Command& command, const Place& place);

 private:
  std::vector<ResourceLimit> LimitsOf(const Command& command, const Place& place) const;

  const std::vector<ResourceLimit> limits_;
  // Signals that this process ignores: dispositions that execve(2) would hand on.
  std::vector<int> ignored_signals_;
  std::unique_ptr<char[]> stack_;  // of the child, until it has become its program
  std::unique_ptr<char[]> head_;   // of a program that cannot be run
};

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_SPAWNER_H_

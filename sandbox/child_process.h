#ifndef VOIDBOX_SANDBOX_CHILD_PROCESS_H_
#define VOIDBOX_SANDBOX_CHILD_PROCESS_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace voidbox {

// How to start a program. The child gets default signal actions and an empty signal mask.
struct SpawnOptions {
  std::vector<std::string> argv;  // argv[0] is the program's path

  // NAME=VALUE; the parent's when absent.
  std::optional<std::vector<std::string>> environment;

  // Descriptors that the child sees, by the number it sees them as. Of the parent's others it gets
  // 0 to 2 unless these name them, and none else: whatever the parent inherited, a lock or a pipe,
  // is not kept by what may outlive it.
  struct Descriptor {
    int source;
    int target;
  };
  std::vector<Descriptor> descriptors;

  std::string directory;  // its working directory; the parent's when empty
  bool new_session = false;
  // The kernel kills the child when the thread that spawned it ends.
  bool die_with_parent = false;
};

// A child that is killed and reaped at the end of its owner's life unless it ended before. Not
// thread-safe.
class ChildProcess {
 public:
  static absl::StatusOr<ChildProcess> Spawn(const SpawnOptions& options);

  ChildProcess() = default;
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  ~ChildProcess() { End(); }

  pid_t pid() const { return pid_; }
  // Readable once the child has ended.
  int pidfd() const { return pidfd_.get(); }

  // Does nothing when the child has ended.
  void Signal(int signal);
  // Waits for the child to end; the status is waitpid's. Once only.
  absl::StatusOr<int> Wait();
  // Lets it live on without an owner.
  void Release();

 private:
  void End();

  pid_t pid_ = -1;  // -1 when there is no child, or it was reaped
  UniqueFd pidfd_;
};

// "exit status 3" or "signal 9 (Killed)", from waitpid's status.
std::string DescribeWaitStatus(int status);

}  // namespace voidbox

#endif  // VOIDBOX_SANDBOX_CHILD_PROCESS_H_

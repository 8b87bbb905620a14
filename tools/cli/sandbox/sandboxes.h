#ifndef VOIDBOX_TOOLS_CLI_SANDBOX_SANDBOXES_H_
#define VOIDBOX_TOOLS_CLI_SANDBOX_SANDBOXES_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "sandbox/detached_store.h"
#include "sandbox/registry.h"
#include "tools/cli/command.h"
#include "tools/cli/run_in_host.h"

namespace voidbox {

// The sandboxes that the commands work on: those that live, where this process is, and the
// detached ones that have ended.
class Sandboxes {
 public:
  static absl::StatusOr<Sandboxes> Open();

  // Oldest first.
  absl::StatusOr<std::vector<SandboxRecord>> Living();
  // Those that live, then those that have ended and were not removed.
  absl::StatusOr<std::vector<SandboxRecord>> All();
  // By name, id or its beginning. FindLiving says FAILED_PRECONDITION for one that has ended.
  absl::StatusOr<SandboxRecord> Find(const std::string& text);
  absl::StatusOr<SandboxRecord> FindLiving(const std::string& text);

  const DetachedStore& detached() const { return detached_; }
  // A connection to a living one's vsock.sock or control.sock.
  absl::StatusOr<UniqueFd> Connect(const SandboxRecord& record, const std::string& socket) const;

 private:
  Sandboxes(std::string home, Registry registry, DetachedStore detached)
      : home_(std::move(home)), registry_(std::move(registry)), detached_(std::move(detached)) {}

  std::string home_;
  Registry registry_;
  DetachedStore detached_;
};

// A connection to the vsock.sock of the living one that is called so.
absl::StatusOr<UniqueFd> ConnectToVsockOf(const std::string& name);

// "running", "exited (3)", "stopped", "killed" or "died", for people.
std::string StateOf(const SandboxRecord& record);
inline bool HasEnded(const SandboxRecord& record) {
  return record.ended_unix_seconds != 0 || !IsAlive(record.vmm);
}

// Runs `here` where this user's sandboxes live: in this process, or as the same command in the
// emulated host, if that runs. Returns the exit status.
int RunWhereSandboxesLive(const Invocation& invocation, const std::function<int()>& here,
                          const HostRunOptions& options = {});
// Whether that is the emulated host.
absl::StatusOr<bool> SandboxesLiveInHost();

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_SANDBOX_SANDBOXES_H_

#ifndef VOIDBOX_TOOLS_CLI_SANDBOX_SANDBOXES_H_
#define VOIDBOX_TOOLS_CLI_SANDBOX_SANDBOXES_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/unique_fd.h"
#include "sandbox/detached_store.h"
#include "sandbox/registry.h"
#include "tools/cli/command.h"
#include "tools/cli/run_in_host.h"

namespace voidbox {

// The sandboxes that the commands work on: those that live, on this machine or in the emulated
// host, if they live there, and the detached ones that have ended.
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
  // Ends one and waits for its end: in order, for at most `patience`, or at once.
  absl::Status End(const SandboxRecord& record, bool orderly, absl::Duration patience) const;

 private:
  Sandboxes(std::string home, std::optional<Registry> registry, DetachedStore detached)
      : home_(std::move(home)), registry_(std::move(registry)), detached_(std::move(detached)) {}

  std::string home_;
  std::optional<Registry> registry_;  // none when they live in the emulated host
  DetachedStore detached_;
};

// A connection to the vsock.sock of the living one that is called so.
absl::StatusOr<UniqueFd> ConnectToVsockOf(const std::string& name);

// "running", "exited (3)", "stopped", "killed" or "died", for people.
std::string StateOf(const SandboxRecord& record);
inline bool HasEnded(const SandboxRecord& record) { return !record.lives; }

// Runs `here` where this user's sandboxes live: in this process, or as the same command in the
// emulated host, if that runs, which takes most of a second there. For commands that need the
// sandboxes' processes. Returns the exit status.
int RunWhereSandboxesLive(const Invocation& invocation, const std::function<int()>& here,
                          const HostRunOptions& options = {});
// Whether that is the emulated host.
absl::StatusOr<bool> SandboxesLiveInHost();

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_SANDBOX_SANDBOXES_H_

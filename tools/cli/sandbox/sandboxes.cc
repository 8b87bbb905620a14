#include "tools/cli/sandbox/sandboxes.h"

#include <fcntl.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "base/status_macros.h"
#include "base/unix_socket.h"
#include "sandbox/emulated_host/host_client.h"
#include "sandbox/emulated_host/host_sandboxes.h"
#include "sandbox/end_sandbox.h"
#include "sandbox/home.h"
#include "tools/cli/exit_status.h"
#include "tools/cli/kvm_choice.h"

namespace voidbox {

absl::StatusOr<Sandboxes> Sandboxes::Open() {
  ASSIGN_OR_RETURN(std::string home, VoidboxHome());
  ASSIGN_OR_RETURN(DetachedStore detached, DetachedStore::Open(home));
  ASSIGN_OR_RETURN(const bool in_host, SandboxesLiveInHost());
  if (in_host) return Sandboxes(std::move(home), std::nullopt, std::move(detached));
  ASSIGN_OR_RETURN(Registry registry, Registry::Open(home));
  return Sandboxes(std::move(home), std::move(registry), std::move(detached));
}

absl::StatusOr<std::vector<SandboxRecord>> Sandboxes::Living() {
  return registry_.has_value() ? registry_->List() : ListHostSandboxes(home_);
}

absl::StatusOr<std::vector<SandboxRecord>> Sandboxes::All() {
  ASSIGN_OR_RETURN(std::vector<SandboxRecord> all, Living());
  const size_t living = all.size();
  ASSIGN_OR_RETURN(std::vector<SandboxRecord> detached, detached_.List());
  for (SandboxRecord& record : detached) {
    const bool lives = std::any_of(all.begin(), all.begin() + static_cast<ptrdiff_t>(living),
                                   [&](const SandboxRecord& one) { return one.id == record.id; });
    if (!lives) all.push_back(std::move(record));
  }
  return all;
}

absl::StatusOr<SandboxRecord> Sandboxes::Find(const std::string& text) {
  ASSIGN_OR_RETURN(const std::vector<SandboxRecord> all, All());
  return FindSandbox(all, text);
}

absl::StatusOr<SandboxRecord> Sandboxes::FindLiving(const std::string& text) {
  ASSIGN_OR_RETURN(SandboxRecord record, Find(text));
  if (!HasEnded(record)) return record;
  return absl::FailedPreconditionError(
      absl::StrCat("sandbox ", text, " does not run: ", StateOf(record),
                   record.end_reason.empty() ? "" : absl::StrCat(" (", record.end_reason, ")")));
}

absl::StatusOr<UniqueFd> Sandboxes::Connect(const SandboxRecord& record,
                                            const std::string& socket) const {
  if (!registry_.has_value()) return ConnectToHostSandbox(home_, record.id, socket);
  const std::string path = absl::StrCat(home_, "/sandboxes/", record.id);
  const UniqueFd directory(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return ErrnoStatus(absl::StrCat("sandbox ", record.id));
  return ConnectUnix(directory.get(), socket);
}

absl::Status Sandboxes::End(const SandboxRecord& record, bool orderly,
                            absl::Duration patience) const {
  if (!registry_.has_value()) return EndHostSandbox(home_, record.id, orderly, patience);
  return EndSandbox(record, orderly, patience);
}

std::string StateOf(const SandboxRecord& record) {
  if (!HasEnded(record)) return "running";
  if (record.ended_unix_seconds == 0) return "died";
  if (record.end_reason == "stopped" || record.end_reason == "killed") return record.end_reason;
  return absl::StrCat("exited (", record.exit_status.value_or(kExitOwnError), ")");
}

absl::StatusOr<UniqueFd> ConnectToVsockOf(const std::string& name) {
  ASSIGN_OR_RETURN(Sandboxes sandboxes, Sandboxes::Open());
  ASSIGN_OR_RETURN(const SandboxRecord record, sandboxes.FindLiving(name));
  return sandboxes.Connect(record, kVsockSocket);
}

absl::StatusOr<bool> SandboxesLiveInHost() {
  if (IsInsideHost()) return false;
  ASSIGN_OR_RETURN(const std::string home, VoidboxHome());
  ASSIGN_OR_RETURN(const auto status, GetHostStatus(home));
  if (!status.has_value()) return false;
  ASSIGN_OR_RETURN(const KvmChoice kvm, ChooseKvm(""));
  return kvm.emulated;
}

int RunWhereSandboxesLive(const Invocation& invocation, const std::function<int()>& here,
                          const HostRunOptions& options) {
  const auto in_host = SandboxesLiveInHost();
  if (!in_host.ok()) return ExitStatusOf(in_host.status());
  if (!*in_host) return here();
  return RunSelfInHost(invocation.installation, invocation.arguments, options);
}

}  // namespace voidbox

#ifndef VOIDBOX_SANDBOX_REGISTRY_H_
#define VOIDBOX_SANDBOX_REGISTRY_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "sandbox/living_sandboxes.h"
#include "sandbox/sandbox_record.h"

namespace voidbox {

// The directory of one sandbox while its creator lives; removed, with all in it, at the end of this
// object's life. Until Publish, other commands wait to create or reap.
class SandboxDirectory {
 public:
  SandboxDirectory(SandboxDirectory&& other) noexcept = default;
  SandboxDirectory& operator=(SandboxDirectory&&) = delete;
  ~SandboxDirectory();

  const std::string& id() const { return id_; }
  const std::string& path() const { return path_; }
  int fd() const { return directory_.get(); }

  // Writes the record, by which other commands know that the sandbox lives and how long.
  absl::Status Publish(const SandboxRecord& record);

 private:
  friend class Registry;
  SandboxDirectory() = default;

  std::string id_;
  std::string path_;
  UniqueFd directory_;
  UniqueFd lock_;  // of the registry, held until Publish
};

// The sandboxes of one $VOIDBOX_HOME, in HOME/sandboxes/ID. Any number of processes may use it at
// once; one object belongs to one thread.
class Registry {
 public:
  // Create and List wait for each other's end, in other processes too, and give CANCELLED once
  // `interrupt` (see base/interruptible.h) is readable.
  static absl::StatusOr<Registry> Open(const std::string& home, int interrupt = -1);

  // A new directory (mode 0700) with an id that nobody had, after the leftovers of VMMs that died
  // were removed. ALREADY_EXISTS when one that lives has the name, unless it is empty.
  absl::StatusOr<SandboxDirectory> Create(const std::string& name = "");

  // Those whose VMM lives, oldest first; removes what the others left.
  absl::StatusOr<std::vector<SandboxRecord>> List();

 private:
  Registry(std::string path, int interrupt) : path_(std::move(path)), interrupt_(interrupt) {}
  absl::StatusOr<UniqueFd> Lock() const;
  absl::StatusOr<std::vector<SandboxRecord>> ReapLocked() const;

  friend absl::StatusOr<std::vector<SandboxRecord>> ListWithoutWaiting(
      const std::string& sandboxes);

  std::string path_;  // HOME/sandboxes
  int interrupt_;
};

// As List, of `sandboxes` (HOME/sandboxes), for an event loop that must not wait: while somebody
// else creates or reaps there, nothing is removed.
absl::StatusOr<std::vector<SandboxRecord>> ListWithoutWaiting(const std::string& sandboxes);

}  // namespace voidbox

#endif  // VOIDBOX_SANDBOX_REGISTRY_H_

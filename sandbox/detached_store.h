#ifndef VOIDBOX_SANDBOX_DETACHED_STORE_H_
#define VOIDBOX_SANDBOX_DETACHED_STORE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sandbox/sandbox_record.h"

namespace voidbox {

// What is kept of detached sandboxes until they are removed, also once they have ended, in
// HOME/detached/ID: record.json and the logs. Any number of processes may use it at once.
class DetachedStore {
 public:
  // What the guest printed on its console, and what the sandbox' command wrote (see output_log.h).
  static constexpr char kConsoleLog[] = "console.log";
  static constexpr char kOutputLog[] = "output.log";

  static absl::StatusOr<DetachedStore> Open(const std::string& home);

  // Makes the directory of `record.id` and writes the record into it; later calls replace it.
  absl::Status Write(const SandboxRecord& record) const;
  std::string Directory(const std::string& id) const;
  // All of them, oldest first. What makes no sense is left out.
  absl::StatusOr<std::vector<SandboxRecord>> List() const;
  absl::Status Remove(const std::string& id) const;

 private:
  explicit DetachedStore(std::string path) : path_(std::move(path)) {}

  std::string path_;  // HOME/detached
};

}  // namespace voidbox

#endif  // VOIDBOX_SANDBOX_DETACHED_STORE_H_

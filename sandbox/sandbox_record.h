#ifndef VOIDBOX_SANDBOX_SANDBOX_RECORD_H_
#define VOIDBOX_SANDBOX_SANDBOX_RECORD_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "sandbox/process_identity.h"

namespace voidbox {

// What is known of one sandbox on disk.
struct SandboxRecord {
  std::string id;
  ProcessIdentity vmm;
  // The process that made it and that it does not outlive.
  ProcessIdentity owner;
  std::string kernel;  // path
  std::string image;   // of the image store, or empty; the digest is that of its manifest
  std::string image_digest;
  uint32_t vcpu_count = 0;
  uint64_t memory_bytes = 0;
  int64_t created_unix_seconds = 0;

  std::string name;  // empty, or unique in its $VOIDBOX_HOME
  std::map<std::string, std::string> labels;
  std::vector<std::string> command;  // that it was made for; empty when there is none
  bool detached = false;             // it goes on without whoever asked for it
  bool lives = false;                // its VMM did when the record was read; not part of the file

  // Of a detached one that has ended.
  int64_t ended_unix_seconds = 0;  // 0 while it lives
  std::optional<int> exit_status;  // of its command
  std::string end_reason;          // for a person; empty when the command ended by itself
};

inline constexpr size_t kMaxRecordBytes = 256 << 10;

nlohmann::json ToJson(const SandboxRecord& record);
// Of a file that ToJson's text was written to; nullopt when it makes no sense.
std::optional<SandboxRecord> ParseSandboxRecord(const std::string& id, const std::string& text);

// Letters, digits, '.', '_' and '-', at most 63, the first a letter or digit; and none that could
// be an id. INVALID_ARGUMENT otherwise.
inline constexpr size_t kMaxNameBytes = 63;
absl::Status CheckSandboxName(absl::string_view name);

// The one of `records` that has `text` as its name, or as its id or the beginning of it. NOT_FOUND,
// or INVALID_ARGUMENT when it says too little.
absl::StatusOr<SandboxRecord> FindSandbox(const std::vector<SandboxRecord>& records,
                                          absl::string_view text);

}  // namespace voidbox

#endif  // VOIDBOX_SANDBOX_SANDBOX_RECORD_H_

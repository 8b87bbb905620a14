#include "sandbox/living_sandboxes.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/io.h"
#include "base/list_directory.h"
#include "base/status_macros.h"
#include "sandbox/process_identity.h"

namespace voidbox {

std::optional<SandboxRecord> LivingSandbox(const std::string& sandboxes, const std::string& id) {
  const auto text = ReadFile(absl::StrCat(sandboxes, "/", id, "/", kRecordName), kMaxRecordBytes);
  if (!text.ok()) return std::nullopt;
  std::optional<SandboxRecord> record = ParseSandboxRecord(id, *text);
  if (!record.has_value() || !IsAlive(record->vmm)) return std::nullopt;
  record->lives = true;
  return record;
}

absl::StatusOr<std::vector<SandboxRecord>> LivingSandboxes(const std::string& sandboxes) {
  ASSIGN_OR_RETURN(const std::vector<std::string> ids, ListDirectory(sandboxes));
  std::vector<SandboxRecord> living;
  for (const std::string& id : ids) {
    if (auto record = LivingSandbox(sandboxes, id)) living.push_back(*std::move(record));
  }
  SortByAge(living);
  return living;
}

void SortByAge(std::vector<SandboxRecord>& records) {
  std::sort(records.begin(), records.end(), [](const SandboxRecord& a, const SandboxRecord& b) {
    return std::tie(a.created_unix_seconds, a.id) < std::tie(b.created_unix_seconds, b.id);
  });
}

}  // namespace voidbox

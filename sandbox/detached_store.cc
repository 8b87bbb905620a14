#include "sandbox/detached_store.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "base/io.h"
#include "base/list_directory.h"
#include "base/status_macros.h"
#include "sandbox/home.h"
#include "sandbox/living_sandboxes.h"

namespace voidbox {
namespace {

constexpr char kDetachedRecordName[] = "record.json";

}  // namespace

absl::StatusOr<DetachedStore> DetachedStore::Open(const std::string& home) {
  std::string path = absl::StrCat(home, "/detached");
  RETURN_IF_ERROR(CreatePrivateDirectory(path));
  return DetachedStore(std::move(path));
}

std::string DetachedStore::Directory(const std::string& id) const {
  return absl::StrCat(path_, "/", id);
}

absl::Status DetachedStore::Write(const SandboxRecord& record) const {
  const std::string directory = Directory(record.id);
  RETURN_IF_ERROR(CreatePrivateDirectory(directory));
  return WriteFileAtomically(
      absl::StrCat(directory, "/", kDetachedRecordName),
      ToJson(record).dump(2, ' ', false, nlohmann::json::error_handler_t::replace), 0600);
}

absl::StatusOr<std::vector<SandboxRecord>> DetachedStore::List() const {
  std::vector<SandboxRecord> records;
  ASSIGN_OR_RETURN(const std::vector<std::string> ids, ListDirectory(path_));
  for (const std::string& id : ids) {
    const auto text =
        ReadFile(absl::StrCat(Directory(id), "/", kDetachedRecordName), kMaxRecordBytes);
    if (!text.ok()) continue;
    if (auto record = ParseSandboxRecord(id, *text)) {
      records.push_back(*std::move(record));
    }
  }
  SortByAge(records);
  return records;
}

absl::Status DetachedStore::Remove(const std::string& id) const {
  std::error_code error;
  std::filesystem::remove_all(Directory(id), error);
  if (error) return ErrnoStatus(Directory(id), error.value());
  return absl::OkStatus();
}

}  // namespace voidbox

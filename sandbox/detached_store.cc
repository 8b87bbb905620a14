#include "sandbox/detached_store.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "base/io.h"
#include "base/status_macros.h"
#include "sandbox/home.h"

namespace voidbox {
namespace {

constexpr char kRecordName[] = "record.json";

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
      absl::StrCat(directory, "/", kRecordName),
      ToJson(record).dump(2, ' ', false, nlohmann::json::error_handler_t::replace), 0600);
}

std::vector<SandboxRecord> DetachedStore::List() const {
  std::vector<SandboxRecord> records;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(path_, error)) {
    const auto text = ReadFile((entry.path() / kRecordName).string(), kMaxRecordBytes);
    if (!text.ok()) continue;
    if (auto record = ParseSandboxRecord(entry.path().filename().string(), *text)) {
      records.push_back(*std::move(record));
    }
  }
  std::sort(records.begin(), records.end(), [](const SandboxRecord& a, const SandboxRecord& b) {
    return std::tie(a.created_unix_seconds, a.id) < std::tie(b.created_unix_seconds, b.id);
  });
  return records;
}

absl::Status DetachedStore::Remove(const std::string& id) const {
  std::error_code error;
  std::filesystem::remove_all(Directory(id), error);
  if (error) return ErrnoStatus(Directory(id), error.value());
  return absl::OkStatus();
}

}  // namespace voidbox

#include "sandbox/emulated_host/saved_state.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/errno_status.h"
#include "base/io.h"
#include "base/list_directory.h"
#include "base/status_macros.h"
#include "sandbox/home.h"

namespace voidbox {
namespace {

constexpr char kPrefix[] = "host-";
constexpr auto kStaleAfter = std::chrono::hours(7 * 24);

}  // namespace

std::string HashName(const std::string& text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return absl::StrFormat("%016x", hash);
}

SavedState::SavedState(std::string cache, std::string key)
    : cache_(std::move(cache)),
      key_(std::move(key)),
      directory_(absl::StrCat(cache_, "/", kPrefix, HashName(key_))) {}

absl::StatusOr<std::optional<UniqueFd>> SavedState::Open() const {
  const absl::StatusOr<std::string> key = ReadFile(directory_ + "/key");
  if (absl::IsNotFound(key.status())) return std::nullopt;
  RETURN_IF_ERROR(key.status());
  if (*key != key_) return std::nullopt;
  UniqueFd file(::open((directory_ + "/state").c_str(), O_RDONLY | O_CLOEXEC));
  if (!file && errno == ENOENT) return std::nullopt;
  if (!file) return ErrnoStatus(directory_ + "/state");
  // Marks the time of its last use.
  ::utimensat(AT_FDCWD, (directory_ + "/key").c_str(), nullptr, 0);
  return std::make_optional(std::move(file));
}

absl::StatusOr<SavedState::Writer> SavedState::Create() const {
  RemoveStale();
  RETURN_IF_ERROR(CreatePrivateDirectory(directory_));
  RETURN_IF_ERROR(WriteFileAtomically(directory_ + "/key", key_));
  Writer writer;
  writer.directory_ = directory_;
  writer.temporary_ = absl::StrCat(directory_, "/state.tmp.", ::getpid());
  writer.file_.Reset(
      ::open(writer.temporary_.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!writer.file_) return ErrnoStatus(writer.temporary_);
  return writer;
}

void SavedState::RemoveStale() const {
  const auto names = ListDirectory(cache_);
  if (!names.ok()) return;  // what is stale stays until the next time
  const auto now = std::filesystem::file_time_type::clock::now();
  for (const std::string& name : *names) {
    if (!absl::StartsWith(name, kPrefix)) continue;
    const std::string path = absl::StrCat(cache_, "/", name);
    std::error_code ignored;
    const auto used = std::filesystem::last_write_time(absl::StrCat(path, "/key"), ignored);
    if (!ignored && now - used > kStaleAfter) std::filesystem::remove_all(path, ignored);
  }
}

SavedState::Writer::~Writer() {
  if (file_) ::unlink(temporary_.c_str());
}

absl::Status SavedState::Remove() const {
  const std::string state = directory_ + "/state";
  if (::unlink(state.c_str()) != 0 && errno != ENOENT) return ErrnoStatus(state);
  return absl::OkStatus();
}

absl::Status SavedState::Writer::Commit() {
  if (::fsync(file_.get()) != 0) return ErrnoStatus(absl::StrCat("fsync ", temporary_));
  if (::rename(temporary_.c_str(), (directory_ + "/state").c_str()) != 0) {
    return ErrnoStatus(temporary_);
  }
  file_.Reset();
  const UniqueFd directory(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory || ::fsync(directory.get()) != 0) return ErrnoStatus(directory_);
  return absl::OkStatus();
}

}  // namespace voidbox

#include "sandbox/registry.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <cerrno>
#include <ctime>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "base/interruptible.h"
#include "base/io.h"
#include "base/list_directory.h"
#include "base/status_macros.h"
#include "sandbox/home.h"

namespace voidbox {
namespace {

constexpr char kLockName[] = ".lock";

absl::StatusOr<std::string> NewId() {
  char random[6];  // 2^48 ids; the directory's creation fails, and is tried again, on a clash
  if (::getrandom(random, sizeof(random), 0) != sizeof(random)) return ErrnoStatus("getrandom");
  return absl::BytesToHexString(absl::string_view(random, sizeof(random)));
}

absl::StatusOr<UniqueFd> OpenLock(const std::string& sandboxes) {
  const std::string path = absl::StrCat(sandboxes, "/", kLockName);
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) return PlaceError(path, errno);
  return fd;
}

}  // namespace

SandboxDirectory::~SandboxDirectory() {
  if (!directory_) return;  // moved from
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

absl::Status SandboxDirectory::Publish(const SandboxRecord& record) {
  RETURN_IF_ERROR(WriteFileAtomically(
      absl::StrCat(path_, "/", kRecordName),
      ToJson(record).dump(2, ' ', false, nlohmann::json::error_handler_t::replace), 0600));
  lock_.Reset();
  return absl::OkStatus();
}

absl::StatusOr<Registry> Registry::Open(const std::string& home, int interrupt) {
  const std::string path = absl::StrCat(home, "/sandboxes");
  RETURN_IF_ERROR(CreatePrivateDirectory(path));
  return Registry(path, interrupt);
}

absl::StatusOr<UniqueFd> Registry::Lock() const {
  ASSIGN_OR_RETURN(UniqueFd fd, OpenLock(path_));
  RETURN_IF_ERROR(LockExclusively(fd.get(), interrupt_));
  return fd;
}

absl::StatusOr<std::vector<SandboxRecord>> Registry::ReapLocked() const {
  std::vector<SandboxRecord> living;
  ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDirectory(path_));
  for (const std::string& id : names) {
    if (id == kLockName) continue;
    if (auto record = LivingSandbox(path_, id)) {
      living.push_back(*std::move(record));
      continue;
    }
    // No record means that its creator died before Publish: we hold the lock that it would hold.
    std::error_code ignored;
    std::filesystem::remove_all(absl::StrCat(path_, "/", id), ignored);
  }
  SortByAge(living);
  return living;
}

absl::StatusOr<SandboxDirectory> Registry::Create(const std::string& name) {
  SandboxDirectory directory;
  ASSIGN_OR_RETURN(directory.lock_, Lock());
  ASSIGN_OR_RETURN(const std::vector<SandboxRecord> living, ReapLocked());
  for (const SandboxRecord& record : living) {
    if (!name.empty() && record.name == name) {
      return absl::AlreadyExistsError(absl::StrCat("the name '", name, "' is that of sandbox ",
                                                   record.id, "; stop that or choose another"));
    }
  }
  for (;;) {
    ASSIGN_OR_RETURN(directory.id_, NewId());
    directory.path_ = absl::StrCat(path_, "/", directory.id_);
    if (::mkdir(directory.path_.c_str(), 0700) == 0) break;
    if (errno != EEXIST) return PlaceError(directory.path_, errno);
  }
  directory.directory_.Reset(::open(directory.path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.directory_) return ErrnoStatus(directory.path_);
  return directory;
}

absl::StatusOr<std::vector<SandboxRecord>> Registry::List() {
  ASSIGN_OR_RETURN(const UniqueFd lock, Lock());
  return ReapLocked();
}

absl::StatusOr<std::vector<SandboxRecord>> ListWithoutWaiting(const std::string& sandboxes) {
  ASSIGN_OR_RETURN(const UniqueFd lock, OpenLock(sandboxes));
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return LivingSandboxes(sandboxes);
    return ErrnoStatus("flock");
  }
  return Registry(sandboxes, -1).ReapLocked();
}

}  // namespace voidbox

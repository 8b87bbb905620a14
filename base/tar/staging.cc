#include "base/tar/staging.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/tar/beneath.h"
#include "base/tar/directory_entries.h"
#include "base/tar/remove_tree.h"

namespace voidbox {
namespace {

// Removed at one time; who makes many names like ours has them looked at later.
constexpr size_t kMaxStale = 16;
constexpr int kMaxTries = 10;

absl::StatusOr<UniqueFd> OpenLocked(int parent, const std::string& name) {
  ASSIGN_OR_RETURN(UniqueFd directory, OpenBeneath(parent, name, O_RDONLY | O_DIRECTORY));
  if (::flock(directory.get(), LOCK_EX | LOCK_NB) != 0) return PathStatus(name, errno);
  return directory;
}

// Best effort: what somebody else has put there may not be ours to remove.
void RemoveStale(int parent) {
  auto entries = DirectoryEntries::Open(parent, ".");
  if (!entries.ok()) return;
  std::vector<std::string> stale;
  while (stale.size() < kMaxStale) {
    const auto name = entries->Next();
    if (!name.ok() || *name == nullptr) break;
    if (absl::StartsWith(*name, Staging::kPrefix)) stale.emplace_back(*name);
  }
  for (const std::string& name : stale) {
    if (const auto lock = OpenLocked(parent, name); !lock.ok()) continue;
    if (const absl::Status status = RemoveTree(parent, name); !status.ok()) {
      LogWarning("a staging directory is left: ", status.message());
    }
  }
}

}  // namespace

absl::StatusOr<Staging> Staging::Create(int parent) {
  RemoveStale(parent);
  for (int tries = 1;; ++tries) {
    uint64_t number = 0;
    if (::getrandom(&number, sizeof(number), 0) != sizeof(number)) return ErrnoStatus("getrandom");
    const std::string name = absl::StrCat(kPrefix, absl::Hex(number, absl::kZeroPad16));
    if (::mkdirat(parent, name.c_str(), 0700) != 0) return PathStatus(name, errno);
    absl::StatusOr<UniqueFd> directory = OpenLocked(parent, name);
    struct stat info;
    if (directory.ok() && ::fstat(directory->get(), &info) == 0 && info.st_nlink != 0) {
      return Staging(parent, name, *std::move(directory));
    }
    // Another worker took it for a stale one before it was locked.
    if (tries == kMaxTries) return absl::UnavailableError("a directory to work in is taken away");
  }
}

Staging::~Staging() {
  if (!directory_) return;
  const absl::Status status = RemoveTree(parent_, name_);
  if (!status.ok() && !absl::IsNotFound(status)) {
    LogWarning("a staging directory is left: ", status.message());
  }
}

}  // namespace voidbox

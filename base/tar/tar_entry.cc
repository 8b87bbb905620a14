#include "base/tar/tar_entry.h"

#include <archive.h>
#include <archive_entry.h>

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/tar/relative_path.h"

namespace voidbox {
namespace {

constexpr mode_t kPermissions = 0777;

absl::Status Refused(absl::string_view name, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("tar entry ", ShownPath(name), ": ", why));
}

absl::string_view Describe(unsigned type) {
  switch (type) {
    case AE_IFLNK:
      return "a symbolic link is not allowed";
    case AE_IFCHR:
    case AE_IFBLK:
      return "a device is not allowed";
    case AE_IFIFO:
      return "a FIFO is not allowed";
    case AE_IFSOCK:
      return "a socket is not allowed";
    default:
      return "neither a file nor a directory";
  }
}

TarEntry::Type TypeOf(unsigned type) {
  if (type == AE_IFDIR) return TarEntry::Type::kDirectory;
  return type == AE_IFLNK ? TarEntry::Type::kLink : TarEntry::Type::kFile;
}

}  // namespace

absl::StatusOr<TarEntry> CheckTarEntry(archive_entry* entry, bool allow_links) {
  const char* const name = archive_entry_pathname(entry);
  if (name == nullptr || *name == '\0') {
    return absl::InvalidArgumentError("tar: an entry without a name");
  }
  if (archive_entry_hardlink(entry) != nullptr) return Refused(name, "a hard link is not allowed");
  const auto type = archive_entry_filetype(entry);
  if (type != AE_IFREG && type != AE_IFDIR && (type != AE_IFLNK || !allow_links)) {
    return Refused(name, Describe(type));
  }
  auto path = ParseRelativePath(name);
  if (!path.ok())
    return absl::Status(path.status().code(), absl::StrCat("tar entry: ", path.status().message()));
  TarEntry result = {.path = *std::move(path), .type = TypeOf(type)};
  if (result.path.empty() && result.type != TarEntry::Type::kDirectory) {
    return Refused(name, "a file without a name");
  }
  if (result.type == TarEntry::Type::kLink) {
    const char* const link = archive_entry_symlink(entry);
    if (link != nullptr) result.link = link;
    if (result.link.empty() || result.link.size() > kMaxPathBytes) {
      return Refused(name, absl::StrCat("a symbolic link of ", result.link.size(),
                                        " bytes; it has 1 to ", kMaxPathBytes));
    }
  }
  result.mode = static_cast<mode_t>(archive_entry_perm(entry)) & kPermissions;
  const la_int64_t size = archive_entry_size(entry);
  if (size < 0) return Refused(name, "a negative size");
  if (result.type == TarEntry::Type::kFile) result.size = static_cast<uint64_t>(size);
  if (archive_entry_mtime_is_set(entry) != 0) {
    result.mtime = archive_entry_mtime(entry);
    result.mtime_ns = static_cast<uint32_t>(archive_entry_mtime_nsec(entry)) % 1'000'000'000u;
  }
  return result;
}

}  // namespace voidbox

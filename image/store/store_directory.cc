#include "image/store/store_directory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "base/io.h"
#include "base/list_directory.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

absl::Status LinkError(const std::string& path) {
  return absl::DataLossError(absl::StrCat(path, " is a symbolic link, which does not belong here"));
}

}  // namespace

absl::StatusOr<StoreDirectory> StoreDirectory::Open(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return ErrnoStatus(path);
  return StoreDirectory(std::move(fd), path);
}

absl::StatusOr<StoreDirectory> StoreDirectory::Below(const std::string& name, bool create) const {
  std::string path = PathOf(name);
  if (create && ::mkdirat(fd(), name.c_str(), 0700) != 0 && errno != EEXIST) {
    return ErrnoStatus(path);
  }
  UniqueFd below(::openat(fd(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!below) {
    absl::Status status = ErrnoStatus(path);
    struct stat found;
    const bool is_link =
        ::fstatat(fd(), name.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(found.st_mode);
    return is_link ? LinkError(path) : status;
  }
  return StoreDirectory(std::move(below), std::move(path));
}

absl::StatusOr<StoreDirectory::File> StoreDirectory::OpenFile(const std::string& name) const {
  // O_NONBLOCK: a pipe in a file's place is an error, not a wait.
  UniqueFd fd(::openat(this->fd(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd && errno == ELOOP) return LinkError(PathOf(name));
  if (!fd) return ErrnoStatus(PathOf(name));
  struct stat attributes;
  if (::fstat(fd.get(), &attributes) != 0) return ErrnoStatus(PathOf(name));
  if (!S_ISREG(attributes.st_mode)) {
    return absl::DataLossError(absl::StrCat(PathOf(name), " is not a regular file"));
  }
  return File{std::move(fd), static_cast<uint64_t>(attributes.st_size)};
}

absl::StatusOr<UniqueFd> StoreDirectory::CreateFile(const std::string& name) const {
  UniqueFd fd(::openat(this->fd(), name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) return ErrnoStatus(PathOf(name));
  return fd;
}

absl::StatusOr<std::string> StoreDirectory::ReadFile(const std::string& name,
                                                     size_t max_bytes) const {
  ASSIGN_OR_RETURN(const File file, OpenFile(name));
  if (file.bytes > max_bytes) {
    return absl::ResourceExhaustedError(absl::StrCat(
        PathOf(name), ": ", file.bytes, " bytes are more than the limit of ", max_bytes));
  }
  std::string text(file.bytes, '\0');
  ASSIGN_OR_RETURN(const size_t got, ReadUpTo(file.fd.get(), text.data(), text.size()));
  text.resize(got);
  return text;
}

absl::StatusOr<bool> StoreDirectory::Contains(const std::string& name) const {
  struct stat attributes;
  if (::fstatat(fd(), name.c_str(), &attributes, AT_SYMLINK_NOFOLLOW) == 0) return true;
  if (errno == ENOENT) return false;
  return ErrnoStatus(PathOf(name));
}

absl::Status StoreDirectory::RemoveFile(const std::string& name) const {
  if (::unlinkat(fd(), name.c_str(), 0) != 0) return ErrnoStatus(PathOf(name));
  return absl::OkStatus();
}

absl::Status StoreDirectory::MoveHere(const StoreDirectory& from, const std::string& source,
                                      const std::string& target) const {
  if (::renameat(from.fd(), source.c_str(), fd(), target.c_str()) != 0) {
    return ErrnoStatus(absl::StrCat("rename ", from.PathOf(source), " to ", PathOf(target)));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> StoreDirectory::List() const {
  // By descriptor, so that it is this directory whatever its path has become.
  UniqueFd again(::openat(fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!again) return ErrnoStatus(path_);
  return ListDirectory(std::move(again), path_);
}

absl::Status StoreDirectory::Sync() const {
  if (::fsync(fd()) != 0) return ErrnoStatus(absl::StrCat("fsync ", path_));
  return absl::OkStatus();
}

}  // namespace voidbox

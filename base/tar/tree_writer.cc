#include "base/tar/tree_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/tar/beneath.h"
#include "base/tar/relative_path.h"

namespace voidbox {
namespace {

// Until they are finished.
constexpr mode_t kWorkMode = 0700;
constexpr mode_t kWorkFileMode = 0600;
constexpr mode_t kImpliedMode = 0755;

timespec ModifiedTime(const TarEntry& entry) {
  return {.tv_sec = entry.mtime, .tv_nsec = static_cast<long>(entry.mtime_ns)};
}

absl::Status SetTimes(int fd, const timespec& modified, absl::string_view path) {
  const timespec times[2] = {{.tv_sec = 0, .tv_nsec = UTIME_OMIT}, modified};
  return ::futimens(fd, times) == 0 ? absl::OkStatus() : PathStatus(path, errno);
}

}  // namespace

absl::StatusOr<int> TreeWriter::OpenDirectory(const std::vector<std::string>& parts) {
  if (!current_ || current_path_ != parts) {
    auto made = MakeDirectories(root_, parts, kImpliedMode);
    // There is one, but it is a file: two entries contradict each other.
    if (absl::IsNotFound(made.status())) {
      return absl::InvalidArgumentError(made.status().message());
    }
    RETURN_IF_ERROR(made.status());
    current_ = *std::move(made);
    current_path_ = parts;
  }
  return current_.get();
}

absl::Status TreeWriter::AddDirectory(const TarEntry& entry) {
  const std::string path = JoinPath(entry.path);
  if (entry.path.empty()) return absl::OkStatus();  // it is there, and keeps its mode
  ASSIGN_OR_RETURN(const int parent, OpenDirectory({entry.path.begin(), entry.path.end() - 1}));
  if (::mkdirat(parent, entry.path.back().c_str(), kWorkMode) != 0 && errno != EEXIST) {
    return PathStatus(path, errno);
  }
  RETURN_IF_ERROR(OpenDirectory(entry.path).status());
  directory_bytes_ += path.size() + sizeof(Directory);
  if (directory_bytes_ > kMaxDirectoryBytes) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "the directories' paths are more than the limit of ", kMaxDirectoryBytes, " bytes"));
  }
  directories_.push_back({path, entry.mode, ModifiedTime(entry)});
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> TreeWriter::CreateFile(const TarEntry& entry) {
  ASSIGN_OR_RETURN(const int parent, OpenDirectory({entry.path.begin(), entry.path.end() - 1}));
  const std::string& name = entry.path.back();
  const auto create = [&] {
    return UniqueFd(::openat(parent, name.c_str(),
                             O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kWorkFileMode));
  };
  UniqueFd file = create();
  if (!file && errno == EEXIST) {
    if (::unlinkat(parent, name.c_str(), 0) != 0) return PathStatus(JoinPath(entry.path), errno);
    file = create();
  }
  if (!file) return PathStatus(JoinPath(entry.path), errno);
  return file;
}

absl::Status TreeWriter::FinishFile(int file, const TarEntry& entry) {
  const std::string path = JoinPath(entry.path);
  // Where it ends in a hole.
  struct stat info;
  if (::fstat(file, &info) != 0) return PathStatus(path, errno);
  if (static_cast<uint64_t>(info.st_size) != entry.size &&
      ::ftruncate(file, static_cast<off_t>(entry.size)) != 0) {
    return PathStatus(path, errno);
  }
  if (::fchmod(file, entry.mode) != 0) return PathStatus(path, errno);
  return SetTimes(file, ModifiedTime(entry), path);
}

absl::Status TreeWriter::AddLink(const TarEntry& entry) {
  const std::string path = JoinPath(entry.path);
  ASSIGN_OR_RETURN(const int parent, OpenDirectory({entry.path.begin(), entry.path.end() - 1}));
  const char* const name = entry.path.back().c_str();
  if (::symlinkat(entry.link.c_str(), parent, name) != 0) {
    if (errno != EEXIST || ::unlinkat(parent, name, 0) != 0 ||
        ::symlinkat(entry.link.c_str(), parent, name) != 0) {
      return PathStatus(path, errno);
    }
  }
  const timespec times[2] = {{.tv_sec = 0, .tv_nsec = UTIME_OMIT}, ModifiedTime(entry)};
  if (::utimensat(parent, name, times, AT_SYMLINK_NOFOLLOW) != 0) return PathStatus(path, errno);
  return absl::OkStatus();
}

absl::Status TreeWriter::Finish() {
  // Backwards: what is below comes after, and a directory that may not be entered comes last.
  for (auto directory = directories_.rbegin(); directory != directories_.rend(); ++directory) {
    ASSIGN_OR_RETURN(const UniqueFd fd,
                     OpenBeneath(root_, directory->path, O_RDONLY | O_DIRECTORY));
    RETURN_IF_ERROR(SetTimes(fd.get(), directory->modified, directory->path));
    if (::fchmod(fd.get(), directory->mode) != 0) return PathStatus(directory->path, errno);
  }
  directories_.clear();
  return absl::OkStatus();
}

}  // namespace voidbox

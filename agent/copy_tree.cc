#include "agent/copy_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/errno_status.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"

namespace voidbox {
namespace {

constexpr int kDirectory = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

// One copy of a tree, from its first entry to its last.
class Copy {
 public:
  explicit Copy(const CopyLimits& left) : left_(left) {}

  absl::Status Contents(int from, int to) {
    // The stream owns its descriptor.
    const int own = ::openat(from, ".", kDirectory);
    if (own < 0) return ErrnoStatus("open");
    const std::unique_ptr<DIR, int (*)(DIR*)> entries(::fdopendir(own), ::closedir);
    if (entries == nullptr) return ErrnoStatus("fdopendir");
    if (--left_.depth < 0) return absl::ResourceExhaustedError("too deep");
    while (const dirent* entry = ::readdir(entries.get())) {
      const absl::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      if (absl::Status status = Entry(from, to, entry->d_name); !status.ok()) {
        return absl::Status(status.code(), absl::StrCat(name, ": ", status.message()));
      }
    }
    ++left_.depth;
    return absl::OkStatus();
  }

 private:
  absl::Status Entry(int from, int to, const char* name) {
    if (left_.entries-- == 0) {
      left_.entries = 0;
      return absl::ResourceExhaustedError("too many files");
    }
    struct stat info;
    if (::fstatat(from, name, &info, AT_SYMLINK_NOFOLLOW) != 0) return ErrnoStatus("stat");
    RETURN_IF_ERROR(Make(from, to, name, info));
    if (::fchownat(to, name, info.st_uid, info.st_gid, AT_SYMLINK_NOFOLLOW) != 0) {
      return ErrnoStatus("chown");
    }
    // After the owner, whose change drops set-id bits. A link has no mode.
    if (!S_ISLNK(info.st_mode) && ::fchmodat(to, name, info.st_mode & 07777, 0) != 0) {
      return ErrnoStatus("chmod");
    }
    const timespec times[2] = {info.st_atim, info.st_mtim};
    if (::utimensat(to, name, times, AT_SYMLINK_NOFOLLOW) != 0) return ErrnoStatus("utimensat");
    return absl::OkStatus();
  }

  absl::Status Make(int from, int to, const char* name, const struct stat& info) {
    switch (info.st_mode & S_IFMT) {
      case S_IFDIR:
        return Directory(from, to, name);
      case S_IFREG:
        return File(from, to, name);
      case S_IFLNK:
        return Link(from, to, name);
      default:
        if (::mknodat(to, name, info.st_mode, info.st_rdev) != 0) return ErrnoStatus("mknod");
        return absl::OkStatus();
    }
  }

  absl::Status Directory(int from, int to, const char* name) {
    if (::mkdirat(to, name, 0700) != 0) return ErrnoStatus("mkdir");
    const UniqueFd below(::openat(from, name, kDirectory));
    const UniqueFd made(::openat(to, name, kDirectory));
    if (!below || !made) return ErrnoStatus("open");
    return Contents(below.get(), made.get());
  }

  absl::Status File(int from, int to, const char* name) {
    const UniqueFd in(::openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    const UniqueFd out(
        ::openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!in || !out) return ErrnoStatus("open");
    for (;;) {
      // One more than may be copied shows that the file is too long.
      const ssize_t sent = ::sendfile(out.get(), in.get(), nullptr, left_.bytes + 1);
      if (sent < 0) return ErrnoStatus("copy");
      if (sent == 0) return absl::OkStatus();
      if (static_cast<uint64_t>(sent) > left_.bytes) {
        return absl::ResourceExhaustedError("too many bytes");
      }
      left_.bytes -= static_cast<uint64_t>(sent);
    }
  }

  static absl::Status Link(int from, int to, const char* name) {
    std::array<char, PATH_MAX> target;
    const ssize_t size = ::readlinkat(from, name, target.data(), target.size() - 1);
    if (size < 0) return ErrnoStatus("readlink");
    target[static_cast<size_t>(size)] = '\0';
    if (::symlinkat(target.data(), to, name) != 0) return ErrnoStatus("symlink");
    return absl::OkStatus();
  }

  CopyLimits left_;
};

}  // namespace

absl::Status CopyTree(int from, int to, const CopyLimits& limits) {
  return Copy(limits).Contents(from, to);
}

}  // namespace voidbox

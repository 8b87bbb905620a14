#include "base/tar/move_tree.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/tar/beneath.h"
#include "base/tar/directory_entries.h"
#include "base/tar/relative_path.h"
#include "base/unique_fd.h"

namespace voidbox {
namespace {

class Mover {
 public:
  Mover(int from, int to) : from_(from), to_(to) {}

  absl::Status Move() {
    absl::Status status = MoveEntries(from_, to_, "", 1);
    if (status.ok()) return status;
    if (const absl::Status back = TakeBack(); !back.ok()) {
      return absl::InternalError(absl::StrCat(
          status.message(), "; taking back what was moved before failed too: ", back.message()));
    }
    return status;
  }

 private:
  struct Step {
    std::string path;
    bool exchanged = false;  // with what was there
  };

  absl::Status MoveEntries(int from, int to, const std::string& path, size_t depth) {
    if (depth > kMaxDepth) return absl::InvalidArgumentError("the tree is too deep");
    // All names first, as moving changes the directory. They are ours, and bounded by what was
    // unpacked.
    std::vector<std::string> names;
    ASSIGN_OR_RETURN(DirectoryEntries entries, DirectoryEntries::Open(from, path));
    for (;;) {
      ASSIGN_OR_RETURN(const char* name, entries.Next());
      if (name == nullptr) break;
      names.emplace_back(name);
    }
    for (const std::string& name : names) {
      RETURN_IF_ERROR(MoveEntry(entries.fd(), to, name,
                                path.empty() ? name : absl::StrCat(path, "/", name), depth));
    }
    return absl::OkStatus();
  }

  absl::Status MoveEntry(int from, int to, const std::string& name, const std::string& path,
                         size_t depth) {
    struct stat source;
    if (::fstatat(from, name.c_str(), &source, AT_SYMLINK_NOFOLLOW) != 0) {
      return PathStatus(path, errno);
    }
    const bool is_directory = S_ISDIR(source.st_mode);
    if (absl::Status status = MoveTo(from, to, name, path, source);
        !absl::IsAlreadyExists(status)) {
      return status;
    }
    if (is_directory) {
      ASSIGN_OR_RETURN(const UniqueFd from_below, OpenBeneath(from, name, O_PATH | O_DIRECTORY));
      auto to_below = OpenBeneath(to, name, O_PATH | O_DIRECTORY);
      if (!to_below.ok()) {
        return absl::FailedPreconditionError(
            absl::StrCat("path ", ShownPath(path),
                         ": a directory cannot take the place of what is there: "
                         "remove it first"));
      }
      return MoveEntries(from_below.get(), to_below->get(), path, depth + 1);
    }
    return Replace(from, to, name, path);
  }

  // ALREADY_EXISTS when there is something of that name.
  absl::Status MoveTo(int from, int to, const std::string& name, const std::string& path,
                      const struct stat& source) {
    // A directory is written to when it moves, in "..".
    const bool unlock = S_ISDIR(source.st_mode) && (source.st_mode & S_IWUSR) == 0;
    if (unlock) SetMode(from, name, source.st_mode | S_IWUSR);
    const bool moved = ::renameat2(from, name.c_str(), to, name.c_str(), RENAME_NOREPLACE) == 0;
    const int error = errno;
    if (unlock) SetMode(moved ? to : from, name, source.st_mode);
    if (!moved) return PathStatus(path, error);
    steps_.push_back({path, false});
    return absl::OkStatus();
  }

  absl::Status Replace(int from, int to, const std::string& name, const std::string& path) {
    struct stat there;
    if (::fstatat(to, name.c_str(), &there, AT_SYMLINK_NOFOLLOW) != 0) {
      return PathStatus(path, errno);
    }
    if (S_ISDIR(there.st_mode)) {
      return absl::FailedPreconditionError(
          absl::StrCat("path ", ShownPath(path),
                       ": a file cannot take the place of a directory: remove it "
                       "first"));
    }
    if (!S_ISREG(there.st_mode) && !S_ISLNK(there.st_mode)) {
      return absl::FailedPreconditionError(
          absl::StrCat("path ", ShownPath(path),
                       ": a device, FIFO or socket is there, whose place a copy does not take: "
                       "remove it first"));
    }
    if (::renameat2(from, name.c_str(), to, name.c_str(), RENAME_EXCHANGE) != 0) {
      return PathStatus(path, errno);
    }
    steps_.push_back({path, true});
    return absl::OkStatus();
  }

  static void SetMode(int directory, const std::string& name, mode_t mode) {
    // Through a descriptor: the name could be a link by now.
    const auto fd = OpenBeneath(directory, name, O_RDONLY | O_DIRECTORY);
    if (fd.ok()) ::fchmod(fd->get(), mode & 07777);
  }

  absl::Status TakeBack() {
    absl::Status first_error;
    for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) {
      const absl::Status status = TakeBack(*step);
      if (first_error.ok()) first_error = status;
    }
    return first_error;
  }

  absl::Status TakeBack(const Step& step) const {
    ASSIGN_OR_RETURN(const auto parts, ParseRelativePath(step.path));
    ASSIGN_OR_RETURN(const Parent from, OpenParent(from_, parts));
    ASSIGN_OR_RETURN(const Parent to, OpenParent(to_, parts));
    const unsigned flags = step.exchanged ? RENAME_EXCHANGE : RENAME_NOREPLACE;
    struct stat moved;
    const bool unlock =
        ::fstatat(to.directory.get(), to.name.c_str(), &moved, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISDIR(moved.st_mode) && (moved.st_mode & S_IWUSR) == 0;
    if (unlock) SetMode(to.directory.get(), to.name, moved.st_mode | S_IWUSR);
    if (::renameat2(to.directory.get(), to.name.c_str(), from.directory.get(), from.name.c_str(),
                    flags) != 0) {
      return PathStatus(step.path, errno);
    }
    return absl::OkStatus();
  }

  const int from_;
  const int to_;
  std::vector<Step> steps_;
};

}  // namespace

absl::Status MoveTree(int from, int to) { return Mover(from, to).Move(); }

}  // namespace voidbox

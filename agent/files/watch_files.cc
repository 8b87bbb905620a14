#include "agent/files/watch_files.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/files/file_info.h"
#include "agent/files/workspace_path.h"
#include "base/errno_status.h"
#include "base/status_macros.h"
#include "base/tar/beneath.h"
#include "base/tar/directory_entries.h"
#include "base/tar/relative_path.h"
#include "base/unique_fd.h"

namespace voidbox {
namespace {

constexpr size_t kMaxWatches = 8192;
constexpr uint32_t kEvents = IN_CREATE | IN_MODIFY | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |
                             IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;

absl::StatusOr<agent::FileEvent::Kind> KindOf(uint32_t mask) {
  if ((mask & IN_CREATE) != 0) return agent::FileEvent::CREATED;
  if ((mask & IN_MODIFY) != 0) return agent::FileEvent::MODIFIED;
  if ((mask & IN_DELETE) != 0) return agent::FileEvent::REMOVED;
  if ((mask & IN_MOVED_FROM) != 0) return agent::FileEvent::MOVED_FROM;
  if ((mask & IN_MOVED_TO) != 0) return agent::FileEvent::MOVED_TO;
  if ((mask & IN_ATTRIB) != 0) return agent::FileEvent::ATTRIBUTES;
  return absl::NotFoundError("");
}

std::string Below(const std::string& directory, absl::string_view name) {
  if (directory.empty()) return std::string(name);
  return name.empty() ? directory : absl::StrCat(directory, "/", name);
}

class Watcher {
 public:
  Watcher(int root, bool recursive, CallStream& stream, int stream_fd)
      : root_(root), recursive_(recursive), stream_(stream), stream_fd_(stream_fd) {}

  absl::Status Watch(std::vector<std::string> parts, const std::string& asked) {
    parts_ = std::move(parts);
    inotify_.Reset(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    if (!inotify_) return ErrnoStatus("inotify");
    agent::ServerFrame frame;
    ASSIGN_OR_RETURN(*frame.mutable_file()->add_files(), AddTop());
    frame.mutable_file()->mutable_files(0)->set_name(asked);
    RETURN_IF_ERROR(stream_.Send(frame));
    return Serve();
  }

 private:
  // Keeps nothing open: a file that somebody has open is not gone yet.
  absl::StatusOr<agent::FileInfo> AddTop() {
    ASSIGN_OR_RETURN(const UniqueFd top, OpenBeneath(root_, JoinPath(parts_), O_PATH | O_NOFOLLOW));
    ASSIGN_OR_RETURN(agent::FileInfo info, ReadFileInfo(top.get(), ""));
    if (info.type() == agent::DIRECTORY) {
      RETURN_IF_ERROR(AddTree(top.get(), "", 1, /*tell=*/false));
    } else {
      ASSIGN_OR_RETURN(const Parent parent, OpenParent(root_, parts_));
      RETURN_IF_ERROR(Add(parent.directory.get(), parent.name, ""));
    }
    return info;
  }

  // Watches `name` in `directory`. By way of the working directory: inotify knows no descriptors.
  absl::Status Add(int directory, const std::string& name, const std::string& path) {
    if (paths_.size() >= kMaxWatches) {
      return absl::ResourceExhaustedError(
          absl::StrCat("watch: more directories than the limit of ", kMaxWatches));
    }
    if (::fchdir(directory) != 0) return PathStatus(path, errno);
    const int id = ::inotify_add_watch(inotify_.get(), name.c_str(), kEvents | IN_DONT_FOLLOW);
    if (id < 0) {
      if (errno == ENOSPC) {
        return absl::ResourceExhaustedError(
            "watch: the limit of fs.inotify.max_user_watches is reached");
      }
      return PathStatus(path, errno);
    }
    paths_[id] = path;
    return absl::OkStatus();
  }

  // Watches a directory, and those in it when asked to. With `tell`, what is in it is news.
  absl::Status AddTree(int directory, const std::string& path, size_t depth, bool tell) {
    RETURN_IF_ERROR(Add(directory, ".", path));
    if (!recursive_ || depth > kMaxDepth) return absl::OkStatus();
    ASSIGN_OR_RETURN(DirectoryEntries entries, DirectoryEntries::Open(directory, path));
    for (;;) {
      ASSIGN_OR_RETURN(const char* found, entries.Next());
      if (found == nullptr) return absl::OkStatus();
      const std::string name = found;
      const auto below = OpenBeneath(entries.fd(), name, O_PATH | O_DIRECTORY | O_NOFOLLOW);
      if (tell) {
        RETURN_IF_ERROR(SendEvent(agent::FileEvent::CREATED, Below(path, name), below.ok()));
      }
      // No directory, or gone since.
      if (!below.ok()) continue;
      RETURN_IF_ERROR(AddTree(below->get(), Below(path, name), depth + 1, tell));
    }
  }

  absl::Status Serve() {
    while (!gone_) {
      std::array<pollfd, 2> fds = {
          pollfd{.fd = inotify_.get(), .events = POLLIN, .revents = 0},
          pollfd{.fd = stream_fd_, .events = POLLIN | POLLRDHUP, .revents = 0}};
      if (::poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR) return ErrnoStatus("poll");
      if (fds[1].revents != 0) return OnHost();
      if (fds[0].revents != 0) RETURN_IF_ERROR(TakeEvents());
    }
    return absl::OkStatus();
  }

  absl::Status OnHost() const {
    char byte = 0;
    if (::recv(stream_fd_, &byte, 1, MSG_PEEK) == 1) {
      return absl::InvalidArgumentError("frame: a watch takes none");
    }
    return absl::CancelledError("the host has hung up");
  }

  absl::Status TakeEvents() {
    std::array<char, 16 << 10> buffer;
    const ssize_t got = ::read(inotify_.get(), buffer.data(), buffer.size());
    if (got < 0)
      return errno == EAGAIN || errno == EINTR ? absl::OkStatus() : ErrnoStatus("inotify");
    for (size_t at = 0; at < static_cast<size_t>(got) && !gone_;) {
      inotify_event event;
      std::memcpy(&event, buffer.data() + at, sizeof(event));
      // The name is padded with NULs.
      const std::string name = event.len == 0 ? "" : buffer.data() + at + sizeof(event);
      at += sizeof(event) + event.len;
      RETURN_IF_ERROR(OnEvent(event, name));
    }
    return absl::OkStatus();
  }

  absl::Status OnEvent(const inotify_event& event, const std::string& name) {
    if ((event.mask & IN_Q_OVERFLOW) != 0) {
      return SendEvent(agent::FileEvent::OVERFLOW, "", false);
    }
    const auto watch = paths_.find(event.wd);
    if (watch == paths_.end()) return absl::OkStatus();  // given up since
    const std::string directory = watch->second;
    if ((event.mask & IN_IGNORED) != 0) paths_.erase(watch);
    if ((event.mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED)) != 0) {
      // For those below, the directory above says it.
      if (!directory.empty()) return absl::OkStatus();
      gone_ = true;
      return SendEvent(agent::FileEvent::GONE, "", false);
    }
    const auto kind = KindOf(event.mask);
    if (!kind.ok()) return absl::OkStatus();
    const bool is_directory = (event.mask & IN_ISDIR) != 0;
    const std::string path = Below(directory, name);
    // A watched directory hears of its own attributes from the one above as well.
    if (name.empty() && !directory.empty()) return absl::OkStatus();
    RETURN_IF_ERROR(SendEvent(*kind, path, is_directory));
    if (!recursive_ || !is_directory || name.empty()) return absl::OkStatus();
    if (*kind == agent::FileEvent::MOVED_FROM) Forget(path);
    if (*kind == agent::FileEvent::CREATED || *kind == agent::FileEvent::MOVED_TO) {
      return AddNew(path);
    }
    return absl::OkStatus();
  }

  // A directory that was made or moved here. What was made in it before it was watched is told now.
  absl::Status AddNew(const std::string& path) {
    const auto directory = OpenBeneath(root_, parts_.empty() ? path : Below(JoinPath(parts_), path),
                                       O_PATH | O_DIRECTORY | O_NOFOLLOW);
    if (!directory.ok()) return absl::OkStatus();  // gone already
    const absl::Status status = AddTree(directory->get(), path, 1, /*tell=*/true);
    return absl::IsNotFound(status) ? absl::OkStatus() : status;
  }

  // A directory that was moved away: it and those below would be told by names that they had.
  void Forget(const std::string& path) {
    for (auto watch = paths_.begin(); watch != paths_.end();) {
      if (watch->second == path || absl::StartsWith(watch->second, absl::StrCat(path, "/"))) {
        ::inotify_rm_watch(inotify_.get(), watch->first);
        watch = paths_.erase(watch);
      } else {
        ++watch;
      }
    }
  }

  absl::Status SendEvent(agent::FileEvent::Kind kind, const std::string& path, bool is_directory) {
    agent::ServerFrame frame;
    frame.mutable_file_event()->set_kind(kind);
    frame.mutable_file_event()->set_path(path);
    frame.mutable_file_event()->set_is_directory(is_directory);
    return stream_.Send(frame);
  }

  const int root_;
  const bool recursive_;
  CallStream& stream_;
  const int stream_fd_;
  std::vector<std::string> parts_;  // of the watched path
  UniqueFd inotify_;
  std::map<int, std::string> paths_;  // beneath the watched path, by watch descriptor
  bool gone_ = false;
};

}  // namespace

absl::Status WatchFiles(int root, const agent::WatchFiles& request, CallStream& stream,
                        int stream_fd) {
  ASSIGN_OR_RETURN(auto parts, ParseWorkspacePath(request.path()));
  return Watcher(root, request.recursive(), stream, stream_fd)
      .Watch(std::move(parts), request.path());
}

}  // namespace voidbox

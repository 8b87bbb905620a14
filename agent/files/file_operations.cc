#include "agent/files/file_operations.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "agent/files/file_info.h"
#include "agent/files/workspace_path.h"
#include "base/errno_status.h"
#include "base/status_macros.h"
#include "base/tar/beneath.h"
#include "base/tar/directory_entries.h"
#include "base/tar/relative_path.h"
#include "base/tar/remove_tree.h"
#include "base/unique_fd.h"

namespace voidbox {
namespace {

constexpr mode_t kPermissions = 0777;
constexpr mode_t kDefaultDirectoryMode = 0755;
// Of a FileReply: far below a frame's limit with the longest names and link targets.
constexpr int kFilesAFrame = 100;

absl::Status SendReply(const agent::FileReply& reply, CallStream& stream) {
  agent::ServerFrame frame;
  *frame.mutable_file() = reply;
  return stream.Send(frame);
}

absl::StatusOr<mode_t> CheckedMode(uint32_t mode, mode_t by_default) {
  if (mode == 0) return by_default;
  if ((mode & ~kPermissions) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("mode: 0x", absl::Hex(mode), " has bits beside the permissions 0777"));
  }
  return static_cast<mode_t>(mode);
}

}  // namespace

absl::Status StatFile(int root, const agent::StatFile& request, CallStream& stream) {
  ASSIGN_OR_RETURN(const auto parts, ParseWorkspacePath(request.path()));
  // O_NOFOLLOW: a link in the last place is what is asked about.
  ASSIGN_OR_RETURN(const UniqueFd fd, OpenBeneath(root, JoinPath(parts), O_PATH | O_NOFOLLOW));
  agent::FileReply reply;
  ASSIGN_OR_RETURN(*reply.add_files(), ReadFileInfo(fd.get(), ""));
  reply.mutable_files(0)->set_name(request.path());
  return SendReply(reply, stream);
}

absl::Status ListDirectory(int root, const agent::ListDirectory& request, CallStream& stream) {
  ASSIGN_OR_RETURN(const auto parts, ParseWorkspacePath(request.path()));
  const std::string path = JoinPath(parts);
  ASSIGN_OR_RETURN(const UniqueFd directory, OpenBeneath(root, path, O_PATH | O_DIRECTORY));
  ASSIGN_OR_RETURN(DirectoryEntries entries, DirectoryEntries::Open(directory.get(), path));
  agent::FileReply reply;
  for (;;) {
    ASSIGN_OR_RETURN(const char* name, entries.Next());
    if (name == nullptr) return SendReply(reply, stream);
    auto info = ReadFileInfo(entries.fd(), name);
    if (absl::IsNotFound(info.status())) continue;  // removed since
    RETURN_IF_ERROR(info.status());
    info->set_name(name);
    *reply.add_files() = *std::move(info);
    if (reply.files_size() == kFilesAFrame) {
      reply.set_more(true);
      RETURN_IF_ERROR(SendReply(reply, stream));
      reply.Clear();
    }
  }
}

absl::Status MakeDirectory(int root, const agent::MakeDirectory& request, CallStream& stream) {
  ASSIGN_OR_RETURN(const auto parts, ParseWorkspacePath(request.path()));
  ASSIGN_OR_RETURN(const mode_t mode, CheckedMode(request.mode(), kDefaultDirectoryMode));
  if (request.parents()) {
    const std::vector<std::string> above(parts.begin(), parts.end() - (parts.empty() ? 0 : 1));
    RETURN_IF_ERROR(MakeDirectories(root, above, kDefaultDirectoryMode).status());
    RETURN_IF_ERROR(MakeDirectories(root, parts, mode).status());
  } else {
    if (parts.empty()) return absl::AlreadyExistsError("path '': is the workspace itself");
    ASSIGN_OR_RETURN(const Parent parent, OpenParent(root, parts));
    if (::mkdirat(parent.directory.get(), parent.name.c_str(), mode) != 0) {
      return PathStatus(JoinPath(parts), errno);
    }
  }
  return SendReply({}, stream);
}

absl::Status RenameFile(int root, const agent::RenameFile& request, CallStream& stream) {
  ASSIGN_OR_RETURN(const auto from_parts, ParseWorkspacePath(request.from()));
  ASSIGN_OR_RETURN(const auto to_parts, ParseWorkspacePath(request.to()));
  ASSIGN_OR_RETURN(const Parent from, OpenParent(root, from_parts));
  ASSIGN_OR_RETURN(const Parent to, OpenParent(root, to_parts));
  if (::renameat(from.directory.get(), from.name.c_str(), to.directory.get(), to.name.c_str()) !=
      0) {
    const int error = errno;
    // What is not about the names themselves is about the state of the two places.
    if (error == ENOENT || error == EACCES || error == EPERM || error == ENOSPC) {
      return PathStatus(JoinPath(from_parts), error);
    }
    return absl::FailedPreconditionError(
        ErrnoStatus(absl::StrCat("rename of ", ShownPath(JoinPath(from_parts)), " to ",
                                 ShownPath(JoinPath(to_parts))),
                    error)
            .message());
  }
  return SendReply({}, stream);
}

absl::Status RemoveFile(int root, const agent::RemoveFile& request, CallStream& stream) {
  ASSIGN_OR_RETURN(const auto parts, ParseWorkspacePath(request.path()));
  ASSIGN_OR_RETURN(const Parent parent, OpenParent(root, parts));
  const std::string path = JoinPath(parts);
  if (request.recursive()) {
    RETURN_IF_ERROR(RemoveTree(parent.directory.get(), parent.name));
  } else if (::unlinkat(parent.directory.get(), parent.name.c_str(), 0) != 0) {
    if (errno != EISDIR) return PathStatus(path, errno);
    if (::unlinkat(parent.directory.get(), parent.name.c_str(), AT_REMOVEDIR) != 0) {
      if (errno == ENOTEMPTY) {
        return absl::FailedPreconditionError(absl::StrCat(
            "path ", ShownPath(path), ": the directory is not empty: ask for recursive"));
      }
      return PathStatus(path, errno);
    }
  }
  return SendReply({}, stream);
}

}  // namespace voidbox

#include "agent/files/file_contents.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "agent/files/file_info.h"
#include "agent/files/workspace_path.h"
#include "base/status_macros.h"
#include "base/tar/beneath.h"
#include "base/tar/relative_path.h"
#include "base/tar/staging.h"
#include "base/tar/tar_unpacker.h"
#include "base/unique_fd.h"

namespace voidbox {
namespace {

constexpr mode_t kDefaultMode = 0644;
constexpr mode_t kPermissions = 0777;
// In the staging directory.
constexpr char kStagedName[] = "file";

absl::Status SendDone(uint64_t bytes, CallStream& stream) {
  agent::ServerFrame frame;
  frame.mutable_transfer_done()->set_files(1);
  frame.mutable_transfer_done()->set_bytes(bytes);
  return stream.Send(frame);
}

// Sends at most `length` bytes of the file; returns how many there were.
absl::StatusOr<uint64_t> SendContents(int file, uint64_t offset, uint64_t length,
                                      const std::string& path, CallStream& stream) {
  const auto buffer = std::make_unique<char[]>(CallStream::kMaxDataBytes);
  uint64_t sent = 0;
  while (sent < length) {
    const size_t most = std::min<uint64_t>(length - sent, CallStream::kMaxDataBytes);
    const ssize_t got = ::pread(file, buffer.get(), most, static_cast<off_t>(offset + sent));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return PathStatus(path, errno);
    if (got == 0) break;
    RETURN_IF_ERROR(stream.SendData({buffer.get(), static_cast<size_t>(got)}));
    sent += static_cast<uint64_t>(got);
  }
  RETURN_IF_ERROR(stream.FlushData());
  return sent;
}

// Takes the host's data into the file.
absl::StatusOr<uint64_t> ReceiveContents(int file, uint64_t max_bytes, const std::string& path,
                                         CallStream& stream) {
  agent::ServerFrame ready;
  ready.mutable_transfer_ready();
  RETURN_IF_ERROR(stream.Send(ready));
  uint64_t bytes = 0;
  for (;;) {
    ASSIGN_OR_RETURN(absl::string_view data, stream.ReceiveData());
    if (data.empty()) return bytes;
    if (data.size() > max_bytes - bytes) {
      return absl::ResourceExhaustedError(
          absl::StrCat("path ", ShownPath(path), ": more than the limit of ", max_bytes, " bytes"));
    }
    bytes += data.size();
    while (!data.empty()) {
      const ssize_t written = ::write(file, data.data(), data.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return PathStatus(path, errno);
      data.remove_prefix(static_cast<size_t>(written));
    }
  }
}

absl::StatusOr<uint64_t> Append(int root, const std::vector<std::string>& parts, uint64_t max_bytes,
                                CallStream& stream) {
  ASSIGN_OR_RETURN(const UniqueFd file, OpenRegular(root, parts, O_WRONLY | O_APPEND));
  return ReceiveContents(file.get(), max_bytes, JoinPath(parts), stream);
}

// The mode that the new file gets: the one asked for, that of the file it replaces, or the default.
absl::StatusOr<mode_t> ModeFor(const Parent& parent, uint32_t asked, const std::string& path) {
  if ((asked & ~kPermissions) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("mode: 0x", absl::Hex(asked), " has bits beside the permissions 0777"));
  }
  struct stat info;
  if (::fstatat(parent.directory.get(), parent.name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno != ENOENT) return PathStatus(path, errno);
    return asked == 0 ? kDefaultMode : static_cast<mode_t>(asked);
  }
  if (!S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError(
        absl::StrCat("path ", ShownPath(path), ": is not a regular file"));
  }
  return asked == 0 ? info.st_mode & kPermissions : static_cast<mode_t>(asked);
}

absl::StatusOr<uint64_t> Replace(int root, const std::vector<std::string>& parts, uint32_t asked,
                                 uint64_t max_bytes, CallStream& stream) {
  const std::string path = JoinPath(parts);
  ASSIGN_OR_RETURN(const Parent parent, OpenParent(root, parts));
  ASSIGN_OR_RETURN(const mode_t mode, ModeFor(parent, asked, path));
  const auto staging = Staging::Create(parent.directory.get());
  if (!staging.ok()) return AtPath(path, staging.status());
  const UniqueFd file(::openat(staging->directory(), kStagedName,
                               O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
  if (!file) return PathStatus(path, errno);
  ASSIGN_OR_RETURN(const uint64_t bytes, ReceiveContents(file.get(), max_bytes, path, stream));
  if (::renameat(staging->directory(), kStagedName, parent.directory.get(), parent.name.c_str()) !=
      0) {
    return PathStatus(path, errno);
  }
  return bytes;
}

}  // namespace

absl::Status ReadFileContents(int root, const agent::ReadFile& request, CallStream& stream) {
  ASSIGN_OR_RETURN(const auto parts, ParseWorkspacePath(request.path()));
  const std::string path = JoinPath(parts);
  if (request.offset() > INT64_MAX) {
    return absl::InvalidArgumentError(
        absl::StrCat("offset: ", request.offset(), " is more than the limit of ", INT64_MAX));
  }
  ASSIGN_OR_RETURN(const UniqueFd file, OpenRegular(root, parts, O_RDONLY));
  agent::ServerFrame frame;
  ASSIGN_OR_RETURN(*frame.mutable_file()->add_files(), ReadFileInfo(file.get(), ""));
  frame.mutable_file()->mutable_files(0)->set_name(request.path());
  RETURN_IF_ERROR(stream.Send(frame));
  const uint64_t most = INT64_MAX - request.offset();
  const uint64_t length = request.length() == 0 ? most : std::min(request.length(), most);
  ASSIGN_OR_RETURN(const uint64_t sent,
                   SendContents(file.get(), request.offset(), length, path, stream));
  return SendDone(sent, stream);
}

absl::Status WriteFileContents(int root, const agent::WriteFile& request, CallStream& stream) {
  ASSIGN_OR_RETURN(const auto parts, ParseWorkspacePath(request.path()));
  const uint64_t own_limit = TarLimits().max_bytes;
  const uint64_t max_bytes =
      request.max_bytes() == 0 ? own_limit : std::min(request.max_bytes(), own_limit);
  const auto bytes = request.append() ? Append(root, parts, max_bytes, stream)
                                      : Replace(root, parts, request.mode(), max_bytes, stream);
  RETURN_IF_ERROR(bytes.status());
  return SendDone(*bytes, stream);
}

}  // namespace voidbox

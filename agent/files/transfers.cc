#include "agent/files/transfers.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "agent/files/workspace_path.h"
#include "base/status_macros.h"
#include "base/tar/beneath.h"
#include "base/tar/move_tree.h"
#include "base/tar/relative_path.h"
#include "base/tar/staging.h"
#include "base/tar/tar_packer.h"
#include "base/tar/tar_unpacker.h"
#include "base/unique_fd.h"

namespace voidbox {
namespace {

constexpr mode_t kDirectoryMode = 0755;

absl::Status SendReady(CallStream& stream) {
  agent::ServerFrame frame;
  frame.mutable_transfer_ready();
  return stream.Send(frame);
}

absl::Status SendDone(const TarCount& count, CallStream& stream) {
  agent::ServerFrame frame;
  frame.mutable_transfer_done()->set_files(count.files);
  frame.mutable_transfer_done()->set_bytes(count.bytes);
  frame.mutable_transfer_done()->set_left_out(count.left_out);
  return stream.Send(frame);
}

absl::StatusOr<bool> IsGzip(agent::Compression compression) {
  switch (compression) {
    case agent::COMPRESSION_NONE:
      return false;
    case agent::GZIP:
      return true;
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("compression: ", static_cast<int>(compression), " is not known"));
  }
}

absl::StatusOr<dev_t> DeviceOf(int fd, const std::string& path) {
  struct stat info;
  if (::fstat(fd, &info) != 0) return PathStatus(path, errno);
  return info.st_dev;
}

// The part of the destination that is there: it must be directories.
absl::StatusOr<UniqueFd> OpenExisting(int root, const std::vector<std::string>& parts) {
  ASSIGN_OR_RETURN(UniqueFd current, OpenBeneath(root, ".", O_PATH | O_DIRECTORY));
  for (size_t i = 0; i < parts.size(); ++i) {
    auto next = OpenBeneath(current.get(), parts[i], O_PATH);
    if (absl::IsNotFound(next.status())) break;
    RETURN_IF_ERROR(next.status());
    struct stat info;
    const std::string path = JoinPath({parts.begin(), parts.begin() + static_cast<long>(i) + 1});
    if (::fstat(next->get(), &info) != 0) return PathStatus(path, errno);
    if (!S_ISDIR(info.st_mode)) {
      return absl::FailedPreconditionError(
          absl::StrCat("path ", ShownPath(path), ": there is something else than a directory"));
    }
    current = *std::move(next);
  }
  return current;
}

// Where renames to the destination can come from: the workspace itself, where the next upload finds
// what this one may leave, or the destination where that is another file system.
absl::StatusOr<UniqueFd> StagingPlace(int root, const std::vector<std::string>& destination) {
  ASSIGN_OR_RETURN(UniqueFd existing, OpenExisting(root, destination));
  ASSIGN_OR_RETURN(const dev_t target, DeviceOf(existing.get(), JoinPath(destination)));
  ASSIGN_OR_RETURN(UniqueFd workspace, OpenBeneath(root, ".", O_PATH | O_DIRECTORY));
  ASSIGN_OR_RETURN(const dev_t own, DeviceOf(workspace.get(), "."));
  return target == own ? std::move(workspace) : std::move(existing);
}

// Makes the destination where it is missing, and moves what was unpacked there.
absl::Status MoveInPlace(int root, const std::vector<std::string>& destination, int staged) {
  size_t existing = 0;
  const auto target = MakeDirectories(root, destination, kDirectoryMode, &existing);
  absl::Status status = target.status();
  if (target.ok()) status = MoveTree(staged, target->get());
  if (status.ok()) return status;
  for (size_t count = destination.size(); count > existing; --count) {
    const auto parent =
        OpenParent(root, {destination.begin(), destination.begin() + static_cast<long>(count)});
    if (parent.ok()) ::unlinkat(parent->directory.get(), parent->name.c_str(), AT_REMOVEDIR);
  }
  return status;
}

}  // namespace

absl::Status Upload(int root, const agent::UploadRequest& request, CallStream& stream) {
  ASSIGN_OR_RETURN(const auto destination, ParseWorkspacePath(request.destination()));
  UnpackOptions options;
  ASSIGN_OR_RETURN(options.gzip, IsGzip(request.compression()));
  if (request.max_bytes() != 0) {
    options.limits.max_bytes = std::min(options.limits.max_bytes, request.max_bytes());
  }
  if (request.keep_links()) options.links = TarLinks::kKeep;
  ASSIGN_OR_RETURN(const UniqueFd place, StagingPlace(root, destination));
  const auto staging = Staging::Create(place.get());
  if (!staging.ok()) return AtPath(JoinPath(destination), staging.status());
  RETURN_IF_ERROR(SendReady(stream));
  const PieceSource source = [&stream] { return stream.ReceiveData(); };
  ASSIGN_OR_RETURN(const TarCount count, UnpackTar(source, options, staging->directory()));
  RETURN_IF_ERROR(MoveInPlace(root, destination, staging->directory()));
  return SendDone(count, stream);
}

absl::Status Download(int root, const agent::DownloadRequest& request, CallStream& stream) {
  ASSIGN_OR_RETURN(auto parts, ParseWorkspacePath(request.path()));
  ASSIGN_OR_RETURN(const bool gzip, IsGzip(request.compression()));
  const TarSource source = {
      .root = root, .path = std::move(parts), .contents_only = request.contents_only(), .as = ""};
  // Ready when the first bytes are: a path that is not there is an error before that.
  bool ready = false;
  const PieceSink sink = [&](absl::string_view piece) -> absl::Status {
    if (!ready) RETURN_IF_ERROR(SendReady(stream));
    ready = true;
    return stream.SendData(piece);
  };
  ASSIGN_OR_RETURN(
      const TarCount count,
      PackTar(source, {.gzip = gzip, .links = request.keep_links(), .progress = {}}, sink));
  return SendDone(count, stream);
}

}  // namespace voidbox

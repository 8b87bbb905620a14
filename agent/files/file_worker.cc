#include "agent/files/file_worker.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>

#include "absl/status/statusor.h"
#include "agent/error_frame.h"
#include "agent/files/call_stream.h"
#include "agent/files/file_contents.h"
#include "agent/files/file_operations.h"
#include "agent/files/transfers.h"
#include "agent/files/watch_files.h"
#include "agent/files/worker_sandbox.h"
#include "base/errno_status.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"

namespace voidbox {
namespace {

// For a host that goes on sending after an error.
constexpr timeval kLingerPause = {.tv_sec = 1, .tv_usec = 0};
constexpr size_t kLingerBytes = 16 << 20;

absl::Status ServeFile(int root, const agent::FileRequest& request, CallStream& stream,
                       int stream_fd) {
  switch (request.operation_case()) {
    case agent::FileRequest::kStat:
      return StatFile(root, request.stat(), stream);
    case agent::FileRequest::kList:
      return ListDirectory(root, request.list(), stream);
    case agent::FileRequest::kMakeDirectory:
      return MakeDirectory(root, request.make_directory(), stream);
    case agent::FileRequest::kRename:
      return RenameFile(root, request.rename(), stream);
    case agent::FileRequest::kRemove:
      return RemoveFile(root, request.remove(), stream);
    case agent::FileRequest::kRead:
      return ReadFileContents(root, request.read(), stream);
    case agent::FileRequest::kWrite:
      return WriteFileContents(root, request.write(), stream);
    case agent::FileRequest::kWatch:
      return WatchFiles(root, request.watch(), stream, stream_fd);
    case agent::FileRequest::OPERATION_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError("file: no operation that this agent knows");
}

absl::Status Serve(int root, const agent::Request& request, CallStream& stream, int stream_fd) {
  switch (request.call_case()) {
    case agent::Request::kFile:
      return ServeFile(root, request.file(), stream, stream_fd);
    case agent::Request::kUpload:
      return Upload(root, request.upload(), stream);
    case agent::Request::kDownload:
      return Download(root, request.download(), stream);
    default:
      return absl::InvalidArgumentError("request: not about files");
  }
}

// A stream that is closed with bytes unread may lose the last ones sent (tcp(7) and others reset
// it): takes what the host is still sending, for a while.
void Linger(int stream) {
  ::shutdown(stream, SHUT_WR);
  ::setsockopt(stream, SOL_SOCKET, SO_RCVTIMEO, &kLingerPause, sizeof(kLingerPause));
  std::array<char, 64 << 10> piece;
  size_t taken = 0;
  while (taken < kLingerBytes) {
    const ssize_t got = ::read(stream, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return;
    taken += static_cast<size_t>(got);
  }
}

absl::StatusOr<agent::Request> ReadRequest() {
  struct stat info;
  if (::fstat(kWorkerRequest, &info) != 0) return ErrnoStatus("request");
  std::string bytes(static_cast<size_t>(info.st_size), '\0');
  const ssize_t got = ::pread(kWorkerRequest, bytes.data(), bytes.size(), 0);
  agent::Request request;
  if (got != info.st_size || !request.ParseFromString(bytes)) {
    return absl::InternalError("request: it cannot be read");
  }
  return request;
}

// Nothing of the host's is looked at before the process is confined.
absl::Status Run(const std::string& workspace) {
  const auto root = EnterWorkspace(workspace);
  const auto request = root.ok() ? ReadRequest() : root.status();
  if (!request.ok()) {
    CallStream stream(kWorkerStream);
    return stream.Send(ErrorFrame(request.status()));
  }
  return ServeFileCall(root->get(), *request, kWorkerStream);
}

}  // namespace

absl::Status ServeFileCall(int root, const agent::Request& request, int stream_fd) {
  CallStream stream(stream_fd);
  absl::Status status = Serve(root, request, stream, stream_fd);
  if (status.ok() || absl::IsCancelled(status)) return status;
  stream.DropData();
  RETURN_IF_ERROR(stream.Send(ErrorFrame(status)));
  Linger(stream_fd);
  return absl::OkStatus();
}

int RunFileWorker(const std::string& workspace) {
  SetLogTarget(kWorkerLog, "file-worker");
  ::signal(SIGPIPE, SIG_IGN);
  const absl::Status status = Run(workspace);
  // A host that hangs up is nothing to report.
  if (status.ok() || absl::IsCancelled(status)) return 0;
  LogWarning(status.message());
  return 1;
}

}  // namespace voidbox

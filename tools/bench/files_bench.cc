#include "tools/bench/files_bench.h"

#include <algorithm>
#include <memory>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "agent/agent.pb.h"
#include "agent/ports.h"
#include "base/frame.h"
#include "base/io.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "tools/bench/bulk_data.h"
#include "tools/bench/bulk_transfer.h"
#include "tools/bench/guest_call.h"
#include "tools/bench/tree_archive.h"

namespace voidbox::bench {
namespace {

constexpr size_t kPieceBytes = 256 << 10;  // agent.proto, ClientFrame.data
constexpr char kTree[] = "bench-tree";

absl::StatusOr<UniqueFd> StartCall(const RunningVm& vm, const agent::Request& request) {
  ASSIGN_OR_RETURN(UniqueFd call, ConnectToGuest(vm.vsock_socket(), kAgentPort));
  RETURN_IF_ERROR(WriteFrame(call.get(), request));
  return call;
}

absl::StatusOr<agent::ServerFrame> Receive(int call) {
  agent::ServerFrame frame;
  RETURN_IF_ERROR(ReadFrame(call, frame));
  if (frame.has_error()) return absl::InternalError(frame.error().message());
  return frame;
}

double Rate(uint64_t bytes, int64_t begin_ns) {
  return static_cast<double>(bytes) / static_cast<double>(MonotonicNs() - begin_ns) * 1e3;
}

// The archive as the frames of an upload: what a client writes.
absl::StatusOr<std::string> UploadFrames(const std::string& archive) {
  std::string frames;
  frames.reserve(archive.size() + archive.size() / 1000 + 64);
  agent::ClientFrame frame;
  for (size_t at = 0; at < archive.size(); at += kPieceBytes) {
    frame.set_data(archive.substr(at, kPieceBytes));
    RETURN_IF_ERROR(AppendFrame(frame, frames));
  }
  frame.mutable_end_data();
  RETURN_IF_ERROR(AppendFrame(frame, frames));
  return frames;
}

// From the first byte to the answer that all is in place.
absl::StatusOr<double> Upload(const RunningVm& vm, const std::string& frames, uint64_t bytes) {
  agent::Request request;
  request.mutable_upload()->set_destination(kTree);
  const int64_t begin = MonotonicNs();
  ASSIGN_OR_RETURN(const UniqueFd call, StartCall(vm, request));
  RETURN_IF_ERROR(Receive(call.get()).status());
  RETURN_IF_ERROR(WriteAll(call.get(), frames));
  ASSIGN_OR_RETURN(const agent::ServerFrame done, Receive(call.get()));
  const double rate = Rate(bytes, begin);
  if (done.transfer_done().bytes() == bytes) return rate;
  return absl::DataLossError(
      absl::StrCat(done.transfer_done().bytes(), " of ", bytes, " bytes were unpacked"));
}

// From the request to the last frame.
absl::StatusOr<double> Download(const RunningVm& vm, uint64_t bytes) {
  agent::Request request;
  request.mutable_download()->set_path(kTree);
  const int64_t begin = MonotonicNs();
  ASSIGN_OR_RETURN(const UniqueFd call, StartCall(vm, request));
  uint64_t received = 0;
  for (;;) {
    ASSIGN_OR_RETURN(const agent::ServerFrame frame, Receive(call.get()));
    received += frame.data().size();
    if (!frame.has_transfer_done()) continue;
    const double rate = Rate(bytes, begin);
    if (frame.transfer_done().bytes() == bytes && received > bytes) return rate;
    return absl::DataLossError(absl::StrCat("a tree of ", bytes, " bytes came back as ",
                                            frame.transfer_done().bytes(), " in an archive of ",
                                            received));
  }
}

absl::Status RemoveTree(const RunningVm& vm) {
  agent::Request request;
  request.mutable_file()->mutable_remove()->set_path(kTree);
  request.mutable_file()->mutable_remove()->set_recursive(true);
  ASSIGN_OR_RETURN(const UniqueFd call, StartCall(vm, request));
  return Receive(call.get()).status();
}

absl::Status Round(const RunningVm& vm, const std::string& frames, FilesResult& result) {
  const uint64_t blocks = result.bytes / kBlockBytes;
  ASSIGN_OR_RETURN(const double to_guest,
                   TransferBulk(vm, BulkOperation::kToGuest, blocks, /*checked=*/false));
  ASSIGN_OR_RETURN(const double upload, Upload(vm, frames, result.bytes));
  ASSIGN_OR_RETURN(const double to_host,
                   TransferBulk(vm, BulkOperation::kToHost, blocks, /*checked=*/false));
  ASSIGN_OR_RETURN(const double download, Download(vm, result.bytes));
  RETURN_IF_ERROR(RemoveTree(vm));
  result.to_guest.push_back(to_guest);
  result.upload.push_back(upload);
  result.to_host.push_back(to_host);
  result.download.push_back(download);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<FilesResult> RunFilesBench(const Vmms& vmms, const Stage& stage, int rounds,
                                          uint64_t bytes) {
  if (bytes % kTreeFileBytes != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("--bytes ", bytes, " is not a multiple of ", kTreeFileBytes));
  }
  FilesResult result = {.bytes = bytes, .rounds = rounds};
  ASSIGN_OR_RETURN(const std::string frames, UploadFrames(TreeArchive(bytes)));
  LogInfo("booting voidbox");
  ASSIGN_OR_RETURN(const auto vm, RunningVm::Start(VmmKind::kVoidbox, vmms, stage));
  RETURN_IF_ERROR(vm->AwaitReady());
  ASSIGN_OR_RETURN(const UniqueFd server, StartBulkServer(*vm));
  FilesResult unmeasured = {.bytes = bytes, .rounds = 1};
  RETURN_IF_ERROR(Round(*vm, frames, unmeasured));
  for (int round = 1; round <= rounds; ++round) {
    RETURN_IF_ERROR(Round(*vm, frames, result));
    LogInfo("round ", round, " of ", rounds, ": upload ",
            static_cast<int64_t>(result.upload.back()), " of ",
            static_cast<int64_t>(result.to_guest.back()), " MB/s, download ",
            static_cast<int64_t>(result.download.back()), " of ",
            static_cast<int64_t>(result.to_host.back()), " MB/s");
  }
  return result;
}

}  // namespace voidbox::bench

#include "tools/bench/bulk_transfer.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "tools/bench/bulk_stream.h"
#include "tools/bench/guest_call.h"

namespace voidbox::bench {
namespace {

constexpr uint32_t kBulkPort = 5000;

absl::Status Compare(const BulkReply& sent, const BulkReply& received) {
  if (sent.blocks == received.blocks && sent.checksum == received.checksum) {
    return absl::OkStatus();
  }
  return absl::DataLossError(absl::StrCat(sent.blocks, " blocks with checksum ", sent.checksum,
                                          " were sent, ", received.blocks, " with ",
                                          received.checksum, " received"));
}

}  // namespace

absl::StatusOr<UniqueFd> StartBulkServer(const RunningVm& vm) {
  ASSIGN_OR_RETURN(UniqueFd server,
                   StartExec(vm.vsock_socket(), {"/bench-vsock", absl::StrCat(kBulkPort)}));
  RETURN_IF_ERROR(AwaitOutput(server.get(), "listening\n"));
  return server;
}

absl::StatusOr<double> TransferBulk(const RunningVm& vm, BulkOperation operation, uint64_t blocks,
                                    bool checked) {
  ASSIGN_OR_RETURN(const UniqueFd stream, ConnectToGuest(vm.vsock_socket(), kBulkPort));
  const BulkRequest request = {
      .operation = operation, .checked = checked ? 1u : 0u, .blocks = blocks};
  const bool to_guest = operation == BulkOperation::kToGuest;
  const int64_t begin = MonotonicNs();
  RETURN_IF_ERROR(SendRequest(stream.get(), request));
  ASSIGN_OR_RETURN(const BulkReply own, to_guest ? SendBlocks(stream.get(), blocks, checked)
                                                 : ReceiveBlocks(stream.get(), blocks, checked));
  ASSIGN_OR_RETURN(const BulkReply guests, ReceiveReply(stream.get()));
  const int64_t end = MonotonicNs();
  RETURN_IF_ERROR(Compare(own, guests));
  return static_cast<double>(blocks * kBlockBytes) / static_cast<double>(end - begin) * 1e3;
}

}  // namespace voidbox::bench

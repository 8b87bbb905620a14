#include "tools/bench/vsock_bench.h"

#include <memory>

#include "base/log.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "tools/bench/bulk_data.h"
#include "tools/bench/bulk_transfer.h"

namespace voidbox::bench {
namespace {

// A VM whose guest serves bulk transfers as long as the call is open.
struct Bulk {
  std::unique_ptr<RunningVm> vm;
  UniqueFd server;
};

absl::StatusOr<Bulk> StartBulk(VmmKind kind, const Vmms& vmms, const Stage& stage) {
  Bulk bulk;
  ASSIGN_OR_RETURN(bulk.vm, RunningVm::Start(kind, vmms, stage));
  RETURN_IF_ERROR(bulk.vm->AwaitReady());
  ASSIGN_OR_RETURN(bulk.server, StartBulkServer(*bulk.vm));
  return bulk;
}

absl::Status Round(const RunningVm& vm, uint64_t blocks, bool checked, VsockSamples& samples) {
  ASSIGN_OR_RETURN(const double to_guest,
                   TransferBulk(vm, BulkOperation::kToGuest, blocks, checked));
  ASSIGN_OR_RETURN(const double to_host, TransferBulk(vm, BulkOperation::kToHost, blocks, checked));
  samples.to_guest.push_back(to_guest);
  samples.to_host.push_back(to_host);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<VsockResult> RunVsockBench(const Vmms& vmms, const Stage& stage,
                                          const std::vector<VmmKind>& kinds, int rounds,
                                          uint64_t bytes) {
  VsockResult result;
  result.bytes = bytes;
  result.rounds = rounds;
  const uint64_t blocks = bytes / kBlockBytes;
  std::vector<Bulk> running;
  for (const VmmKind kind : kinds) {
    LogInfo("booting ", DisplayName(kind));
    ASSIGN_OR_RETURN(Bulk bulk, StartBulk(kind, vmms, stage));
    LogInfo("checking every byte of ", bytes, " each way through ", DisplayName(kind));
    VsockSamples unmeasured;
    RETURN_IF_ERROR(Round(*bulk.vm, blocks, /*checked=*/true, unmeasured));
    running.push_back(std::move(bulk));
    result.vmms.emplace_back(kind, VsockSamples());
  }
  for (int round = 1; round <= rounds; ++round) {
    for (size_t i = 0; i < kinds.size(); ++i) {
      VsockSamples& samples = result.vmms[i].second;
      RETURN_IF_ERROR(Round(*running[i].vm, blocks, /*checked=*/false, samples));
      LogInfo("round ", round, " of ", rounds, ": ", DisplayName(kinds[i]), " ",
              static_cast<int64_t>(samples.to_guest.back()), " MB/s to the guest, ",
              static_cast<int64_t>(samples.to_host.back()), " MB/s to the host");
    }
  }
  return result;
}

}  // namespace voidbox::bench

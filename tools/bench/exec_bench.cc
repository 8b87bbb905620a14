#include "tools/bench/exec_bench.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "tools/bench/guest_call.h"

namespace voidbox::bench {
namespace {

constexpr int kWarmUp = 5;
constexpr char kBusybox[] = "true";
constexpr char kStatic[] = "/bench-true";

double UsSince(int64_t begin_ns) { return static_cast<double>(MonotonicNs() - begin_ns) / 1e3; }

absl::StatusOr<double> ExecOnce(const RunningVm& vm, const char* command) {
  const int64_t begin = MonotonicNs();
  ASSIGN_OR_RETURN(const UniqueFd call, StartExec(vm.vsock_socket(), {command}));
  RETURN_IF_ERROR(FinishExec(call.get()));
  return UsSince(begin);
}

absl::StatusOr<double> ExecAtOnce(const RunningVm& vm) {
  const int64_t begin = MonotonicNs();
  std::vector<UniqueFd> calls;
  for (int i = 0; i < kAtOnce; ++i) {
    ASSIGN_OR_RETURN(UniqueFd call, StartExec(vm.vsock_socket(), {kBusybox}));
    calls.push_back(std::move(call));
  }
  for (const UniqueFd& call : calls) RETURN_IF_ERROR(FinishExec(call.get()));
  return UsSince(begin);
}

absl::Status Turn(const RunningVm& vm, int count, ExecSamples& samples) {
  for (int i = 0; i < count; ++i) {
    ASSIGN_OR_RETURN(const double us, ExecOnce(vm, kBusybox));
    samples.serial_us.push_back(us);
  }
  for (int i = 0; i < count; ++i) {
    ASSIGN_OR_RETURN(const double us, ExecOnce(vm, kStatic));
    samples.static_us.push_back(us);
  }
  ASSIGN_OR_RETURN(const double us, ExecAtOnce(vm));
  samples.at_once_us.push_back(us);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ExecResult> RunExecBench(const Vmms& vmms, const Stage& stage,
                                        const std::vector<VmmKind>& kinds, int rounds, int count) {
  ExecResult result;
  std::vector<std::unique_ptr<RunningVm>> running;
  for (const VmmKind kind : kinds) {
    LogInfo("booting ", DisplayName(kind));
    ASSIGN_OR_RETURN(auto vm, RunningVm::Start(kind, vmms, stage));
    RETURN_IF_ERROR(vm->AwaitReady());
    ExecSamples unmeasured;
    RETURN_IF_ERROR(Turn(*vm, kWarmUp, unmeasured));
    running.push_back(std::move(vm));
    result.vmms.emplace_back(kind, ExecSamples());
  }
  const int each = (count + rounds - 1) / rounds;
  result.count = each * rounds;
  for (int round = 1; round <= rounds; ++round) {
    LogInfo("round ", round, " of ", rounds, ": ", each, " commands, and ", kAtOnce, " at once");
    for (size_t i = 0; i < kinds.size(); ++i) {
      RETURN_IF_ERROR(Turn(*running[i], each, result.vmms[i].second));
    }
  }
  return result;
}

}  // namespace voidbox::bench

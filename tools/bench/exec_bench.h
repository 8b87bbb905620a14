#ifndef VOIDBOX_TOOLS_BENCH_EXEC_BENCH_H_
#define VOIDBOX_TOOLS_BENCH_EXEC_BENCH_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/bench/machine.h"
#include "tools/bench/running_vm.h"
#include "tools/bench/stage.h"

namespace voidbox::bench {

// Calls that run at the same time.
inline constexpr int kAtOnce = 16;

// Round trips in microseconds: connect to the guest, ask the agent, read until the command has
// ended.
struct ExecSamples {
  std::vector<double> serial_us;   // of BusyBox' `true`, one after the other
  std::vector<double> static_us;   // likewise, of a program of one page (guest_true.cc)
  std::vector<double> at_once_us;  // until the last of kAtOnce `true` that began together has ended
};
struct ExecResult {
  int count = 0;  // of serial_us
  std::vector<std::pair<VmmKind, ExecSamples>> vmms;
};

// One VM of each kind, to which the calls go in turns of some; at least `count` serial ones of
// each command.
absl::StatusOr<ExecResult> RunExecBench(const Vmms& vmms, const Stage& stage,
                                        const std::vector<VmmKind>& kinds, int rounds, int count);

std::string ExecText(const ExecResult& result);
std::string ExecJson(const ExecResult& result);

}  // namespace voidbox::bench

#endif  // VOIDBOX_TOOLS_BENCH_EXEC_BENCH_H_

#ifndef VOIDBOX_TOOLS_BENCH_VSOCK_BENCH_H_
#define VOIDBOX_TOOLS_BENCH_VSOCK_BENCH_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/bench/machine.h"
#include "tools/bench/running_vm.h"
#include "tools/bench/stage.h"

namespace voidbox::bench {

// Megabytes (10^6 bytes) a second.
struct VsockSamples {
  std::vector<double> to_guest;
  std::vector<double> to_host;
};
struct VsockResult {
  uint64_t bytes = 0;
  int rounds = 0;
  std::vector<std::pair<VmmKind, VsockSamples>> vmms;
};

// One VM of each kind. First `bytes` each way with a checksum of every byte, DATA_LOSS when it is
// wrong; then the measured rounds, in turns. `bytes` is a multiple of kBlockBytes.
absl::StatusOr<VsockResult> RunVsockBench(const Vmms& vmms, const Stage& stage,
                                          const std::vector<VmmKind>& kinds, int rounds,
                                          uint64_t bytes);

std::string VsockText(const VsockResult& result);
std::string VsockJson(const VsockResult& result);

}  // namespace voidbox::bench

#endif  // VOIDBOX_TOOLS_BENCH_VSOCK_BENCH_H_

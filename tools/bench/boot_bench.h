#ifndef VOIDBOX_TOOLS_BENCH_BOOT_BENCH_H_
#define VOIDBOX_TOOLS_BENCH_BOOT_BENCH_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/bench/machine.h"
#include "tools/bench/running_vm.h"
#include "tools/bench/stage.h"

namespace voidbox::bench {

// What was measured in every round; empty where a VMM has no such thing. Times are milliseconds
// from just before the VMM's process was made.
struct BootSamples {
  std::vector<double> vmm_start;     // until the first vCPU entered the guest
  std::vector<double> kernel_entry;  // until the guest's clock began to run: init less guest_clock
  std::vector<double> init;          // until init's first sign, which only our initramfs gives
  std::vector<double> agent;         // until the agent's connection
  std::vector<double> exec;          // until the result of the first command
  std::vector<double> guest_clock;   // of the guest's kernel when it started init (guest_init.cc)
  // Of the idle VMM beyond the guest's RAM.
  std::vector<double> resident_bytes;
  std::vector<double> private_bytes;
  // Of the idle VM, its guest's work included.
  std::vector<double> cpu_percent;
  std::vector<double> exits_per_second;
};
struct BootResult {
  int rounds = 0;
  std::vector<std::pair<VmmKind, BootSamples>> vmms;  // with the initramfs
  std::optional<BootSamples> rootfs;                  // voidbox with a root file system on a disk
};

// One unmeasured round, then `rounds` measured ones, each VMM in turn; with voidbox also the guest
// whose root file system is the ext4 image `rootfs`, unless that is empty.
absl::StatusOr<BootResult> RunBootBench(const Vmms& vmms, const Stage& stage,
                                        const std::vector<VmmKind>& kinds,
                                        const std::string& rootfs, int rounds);

// For people, and for programs.
std::string BootText(const BootResult& result);
std::string BootJson(const BootResult& result);

}  // namespace voidbox::bench

#endif  // VOIDBOX_TOOLS_BENCH_BOOT_BENCH_H_

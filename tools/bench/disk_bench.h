#ifndef VOIDBOX_TOOLS_BENCH_DISK_BENCH_H_
#define VOIDBOX_TOOLS_BENCH_DISK_BENCH_H_

#include <array>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/bench/disk_guest.h"
#include "tools/bench/machine.h"
#include "tools/bench/running_vm.h"
#include "tools/bench/stage.h"

namespace voidbox::bench {

// A VMM with one way of keeping a disk.
struct DiskSubject {
  VmmKind kind = VmmKind::kVoidbox;
  bool copy_on_write = false;
};
std::string DisplayName(const DiskSubject& subject);
std::string JsonName(const DiskSubject& subject);

struct DiskSamples {
  DiskSubject subject;
  std::array<std::vector<double>, kDiskJobs.size()> iops;  // of each job, in every round
};
struct DiskResult {
  int rounds = 0;
  std::vector<DiskSamples> subjects;
};

// One unmeasured round, then `rounds` measured ones, each VMM in turn, voidbox also with a
// copy-on-write disk. Every run boots a guest of its own. Of `vmms.guest`, kernel and command line
// count.
absl::StatusOr<DiskResult> RunDiskBench(const Vmms& vmms, const Stage& stage,
                                        const std::vector<VmmKind>& kinds, int rounds);

std::string DiskText(const DiskResult& result);
std::string DiskJson(const DiskResult& result);

}  // namespace voidbox::bench

#endif  // VOIDBOX_TOOLS_BENCH_DISK_BENCH_H_

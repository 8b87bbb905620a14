#ifndef VOIDBOX_TOOLS_BENCH_PROCESS_USAGE_H_
#define VOIDBOX_TOOLS_BENCH_PROCESS_USAGE_H_

#include <sys/types.h>

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace voidbox::bench {

// A VMM's memory but for its guest's RAM, in bytes.
struct VmmMemory {
  uint64_t resident = 0;
  uint64_t private_ = 0;  // the part that no other process shares
};

// From the contents of /proc/PID/smaps (proc(5)). Mappings of `guest_ram_bytes` and more are the
// guest's RAM: a neighbour with the same properties may have merged with it. DATA_LOSS when the
// text makes no sense, NOT_FOUND when no mapping is that large.
absl::StatusOr<VmmMemory> ParseSmaps(absl::string_view smaps, uint64_t guest_ram_bytes);
absl::StatusOr<VmmMemory> ReadVmmMemory(pid_t pid, uint64_t guest_ram_bytes);

// Nanoseconds on a CPU, from the contents of /proc/PID/task/TID/schedstat
// (Linux Documentation/scheduler/sched-stats.rst).
absl::StatusOr<uint64_t> ParseSchedstat(absl::string_view schedstat);
// Of all threads of a process, guests' code included.
absl::StatusOr<uint64_t> ReadCpuNs(pid_t pid);

}  // namespace voidbox::bench

#endif  // VOIDBOX_TOOLS_BENCH_PROCESS_USAGE_H_

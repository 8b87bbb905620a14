#ifndef VOIDBOX_AGENT_EXEC_LIMITS_H_
#define VOIDBOX_AGENT_EXEC_LIMITS_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "agent/agent.pb.h"

namespace voidbox {

// What a command may use; 0 is no limit of its own.
struct ExecLimits {
  uint64_t memory_bytes = 0;  // its whole tree, page cache included
  uint32_t processes = 0;     // of its tree, threads included
  uint32_t cpu_millis = 0;    // thousandths of a processor
  uint64_t file_bytes = 0;    // of each file that it writes
  uint32_t open_files = 0;    // of each process

  bool operator==(const ExecLimits&) const = default;
};

// Less than this is too little to start anything.
inline constexpr uint64_t kMinMemoryBytes = 1 << 20;
// The kernel's shortest quota is 1 ms (sched/core.c, min_cfs_quota_period), of a period of 100 ms.
inline constexpr uint32_t kMinCpuMillis = 10;
inline constexpr uint32_t kMaxCpuMillis = 1'000'000;
inline constexpr uint32_t kMinOpenFiles = 8;
inline constexpr uint32_t kMaxOpenFiles = 524288;  // what distributions give to programs

// INVALID_ARGUMENT with the field, the value and the bound.
absl::StatusOr<ExecLimits> ParseLimits(const agent::ExecLimits& limits);

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_EXEC_LIMITS_H_

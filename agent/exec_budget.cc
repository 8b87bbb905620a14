#include "agent/exec_budget.h"

#include <sys/sysinfo.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "base/io.h"

namespace voidbox {
namespace {

// For the agent, which has some MiB, and the kernel.
constexpr uint64_t kMinReservedBytes = 16 << 20;
constexpr uint64_t kReservedShare = 16;
// But commands get most of the smallest machines too.
constexpr uint64_t kMaxReservedShare = 4;
// The kernel's own threads, some 60 with one processor, and what the agent starts beside commands.
constexpr uint32_t kReservedProcesses = 128;
constexpr uint32_t kMostByDefault = 1024;
constexpr uint32_t kFewProcesses = 64;

}  // namespace

ExecBudget BudgetOf(uint64_t memory_bytes, uint32_t max_processes) {
  const uint64_t reserved = std::min(std::max(kMinReservedBytes, memory_bytes / kReservedShare),
                                     memory_bytes / kMaxReservedShare);
  ExecBudget budget;
  budget.all_memory_bytes = memory_bytes - reserved;
  budget.all_processes =
      std::max(max_processes, kReservedProcesses + kFewProcesses) - kReservedProcesses;
  // Two that take all they can leave room for none, but one does.
  budget.default_processes = std::min(kMostByDefault, budget.all_processes / 2);
  return budget;
}

ExecBudget MachineBudget() {
  struct sysinfo info = {};
  ::sysinfo(&info);
  // proc(5), /proc/sys/kernel/threads-max.
  const auto text = ReadFile("/proc/sys/kernel/threads-max", 64);
  uint32_t max_processes = 0;
  if (text.ok()) {
    static_cast<void>(absl::SimpleAtoi(absl::StripAsciiWhitespace(*text), &max_processes));
  }
  return BudgetOf(uint64_t{info.totalram} * info.mem_unit, max_processes);
}

}  // namespace voidbox

#ifndef VOIDBOX_AGENT_EXEC_BUDGET_H_
#define VOIDBOX_AGENT_EXEC_BUDGET_H_

#include <cstdint>

namespace voidbox {

// What the commands of a guest may use together, so that the agent goes on whatever they do, and
// what one of them gets by default, so that the others do.
struct ExecBudget {
  uint64_t all_memory_bytes = 0;
  uint32_t all_processes = 0;
  uint32_t default_processes = 0;
};

// Of a machine with so much memory and at most so many processes, threads included.
ExecBudget BudgetOf(uint64_t memory_bytes, uint32_t max_processes);

// Of this machine.
ExecBudget MachineBudget();

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_EXEC_BUDGET_H_

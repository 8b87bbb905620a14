#include "agent/exec_budget.h"

#include <gtest/gtest.h>

namespace voidbox {
namespace {

TEST(ExecBudgetTest, LeavesAShareOfTheMachine) {
  const ExecBudget budget = BudgetOf(uint64_t{4} << 30, 32'000);
  EXPECT_EQ(budget.all_memory_bytes, (uint64_t{4} << 30) - (uint64_t{256} << 20));
  EXPECT_EQ(budget.all_processes, 31'872u);
  EXPECT_EQ(budget.default_processes, 1024u);
}

TEST(ExecBudgetTest, ASmallMachineLeavesEnoughForTheAgent) {
  const ExecBudget budget = BudgetOf(100 << 20, 800);
  EXPECT_EQ(budget.all_memory_bytes, 84u << 20);
  EXPECT_EQ(budget.all_processes, 672u);
  EXPECT_EQ(budget.default_processes, 336u);
}

TEST(ExecBudgetTest, CommandsGetMostOfTheSmallestMachine) {
  const ExecBudget budget = BudgetOf(20 << 20, 50);
  EXPECT_EQ(budget.all_memory_bytes, 15u << 20);
  EXPECT_EQ(budget.all_processes, 64u);
  EXPECT_EQ(budget.default_processes, 32u);
}

TEST(ExecBudgetTest, ThisMachineHasOne) {
  const ExecBudget budget = MachineBudget();
  EXPECT_GT(budget.all_memory_bytes, 0u);
  EXPECT_GE(budget.default_processes, 32u);
}

}  // namespace
}  // namespace voidbox

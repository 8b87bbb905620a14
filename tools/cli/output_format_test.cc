#include "tools/cli/output_format.h"

#include <cstdlib>

#include "gtest/gtest.h"

namespace voidbox {
namespace {

TEST(OutputFormatTest, TablesLineUp) {
  EXPECT_EQ(FormatTable({{"ID", "NAME", "X"}, {"0123", "a", "1"}}),
            "ID    NAME  X\n"
            "0123  a     1\n");
  EXPECT_EQ(FormatTable({{"ONE"}}), "ONE\n");
  EXPECT_EQ(FormatTable({}), "");
}

TEST(OutputFormatTest, ProgramsGetJsonUnlessTheTerminalIsOutside) {
  EXPECT_TRUE(WantsJson("json"));
  EXPECT_FALSE(WantsJson("text"));
  EXPECT_TRUE(WantsJson(""));  // a test's output is no terminal
  ::setenv(kOutputIsTerminalVariable, "1", 1);
  EXPECT_FALSE(WantsJson(""));
  ::unsetenv(kOutputIsTerminalVariable);
}

}  // namespace
}  // namespace voidbox

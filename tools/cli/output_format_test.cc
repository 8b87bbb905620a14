#include "tools/cli/output_format.h"

#include <cstdio>
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

TEST(OutputFormatTest, CellsCommandNoTerminal) {
  EXPECT_EQ(FormatTable({{"A", "B"}, {"\x1b[2J\n", "\xc2\x9bm"}}),
            "A            B\n"
            "\\x1b[2J\\x0a  \\u009bm\n");
}

TEST(OutputFormatTest, JsonIsAsciiOnATerminal) {
  const nlohmann::json json = {{"a", "\xc3\xa9\xc2\x9b\x1b\x7f\xff"}};
  ::testing::internal::CaptureStdout();
  PrintJson(json);
  std::fflush(stdout);
  EXPECT_EQ(::testing::internal::GetCapturedStdout(),
            "{\n  \"a\": \"\xc3\xa9\xc2\x9b\\u001b\x7f\xef\xbf\xbd\"\n}\n");
  ::setenv(kOutputIsTerminalVariable, "1", 1);
  ::testing::internal::CaptureStdout();
  PrintJson(json);
  std::fflush(stdout);
  ::unsetenv(kOutputIsTerminalVariable);
  EXPECT_EQ(::testing::internal::GetCapturedStdout(),
            "{\n  \"a\": \"\\u00e9\\u009b\\u001b\\u007f\\ufffd\"\n}\n");
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

#include "tools/cli/sandbox/cp_command.h"

#include <filesystem>
#include <string>

#include "base/io.h"
#include "base/no_more_threads.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "sandbox/installation.h"
#include "tools/cli/exit_status.h"
#include "tools/cli/flag_parser.h"

namespace voidbox {
namespace {

int CopyWithoutThreads(const std::string& source, const std::string& destination) {
  const CommandLine command_line("voidbox", "");
  CpCommand command;
  command.AddTo(command_line.root());
  EXPECT_THAT(command_line.Parse({"cp", source, destination}), IsOk());
  const NoMoreThreads limit;
  return command.Run(
      {.installation = Installation::Of("/voidbox"), .arguments = {}, .after_dashes = {}});
}

TEST(CpCommandTest, WhereNoThreadCanBeStartedBothWaysFailWithAWord) {
  const std::string file = ::testing::TempDir() + "/cp_command_test";
  ASSERT_THAT(WriteFileAtomically(file, "kept"), IsOk());
  EXPECT_EQ(CopyWithoutThreads(file, "web:"), kExitOwnError);
  const std::string folder = ::testing::TempDir() + "/cp_command_test.d";
  std::filesystem::create_directories(folder);
  EXPECT_EQ(CopyWithoutThreads("web:file", folder), kExitOwnError);
  EXPECT_TRUE(std::filesystem::is_empty(folder));
}

}  // namespace
}  // namespace voidbox

#include "agent/run_ts/run_ts_command.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "base/status_matchers.h"

namespace voidbox {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::StartsWith;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

std::vector<std::string> Arguments(const agent::RunTsRequest& request) {
  const auto exec = RunTsCommand(request, "data:,");
  EXPECT_THAT(exec, IsOk());
  return {exec->argv().begin(), exec->argv().end()};
}

agent::RunTsRequest Code(const std::string& code) {
  agent::RunTsRequest request;
  request.set_code(code);
  return request;
}

// "--allow-read=/home/user", "--allow-write=/home/user", "optional --allow-net if requested"
TEST(RunTsCommandTest, ExecutesWithRestrictedPermissions) {
  agent::RunTsRequest request = Code("1");
  std::vector<std::string> arguments = Arguments(request);
  EXPECT_EQ(arguments[0], "/home/user/.deno/bin/deno");
  EXPECT_THAT(arguments, IsSupersetOf({"--allow-read=/home/user", "--allow-write=/home/user",
                                       "--no-prompt", "--no-remote", "--no-npm"}));
  EXPECT_THAT(arguments, Not(Contains(StartsWith("--allow-net"))));
  EXPECT_THAT(arguments, Not(Contains(StartsWith("--allow-env"))));
  EXPECT_THAT(arguments, Not(Contains("-A")));
  request.set_allow_net(true);
  arguments = Arguments(request);
  EXPECT_THAT(arguments, Contains("--allow-net"));
  EXPECT_THAT(arguments, Not(Contains("--no-remote")));
}

TEST(RunTsCommandTest, CodeComesByStandardInputAndAFileByItsPath) {
  agent::RunTsRequest request = Code("1");
  request.add_arguments("--allow-all");
  auto exec = RunTsCommand(request, "data:,");
  ASSERT_THAT(exec, IsOk());
  EXPECT_TRUE(exec->stdin());
  EXPECT_EQ(exec->working_directory(), "/home/user");
  EXPECT_EQ(exec->isolation(), agent::ROOTFS);
  // Deno takes what follows the program for the program's.
  std::vector<std::string> arguments = Arguments(request);
  EXPECT_THAT(std::vector<std::string>(arguments.end() - 4, arguments.end()),
              ElementsAre("--preload", "data:,", "-", "--allow-all"));
  request.set_path("/workspace/--x/./y.ts");
  arguments = Arguments(request);
  EXPECT_EQ(*(arguments.end() - 2), "/home/user/--x/y.ts");
  exec = RunTsCommand(request, "data:,");
  EXPECT_FALSE(exec->stdin());
}

TEST(RunTsCommandTest, OnlyTheRequestsVariablesMayBeRead) {
  agent::RunTsRequest request = Code("1");
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, std::string>>{{"A", "1"}, {"B_2", "x,y"}, {"C,D", "2"}}) {
    request.add_environment()->set_name(name);
    request.mutable_environment()->rbegin()->set_value(value);
  }
  EXPECT_THAT(Arguments(request), Contains("--allow-env=A,B_2"));
  const auto exec = RunTsCommand(request, "data:,");
  std::map<std::string, std::string> environment;
  for (const auto& variable : exec->environment()) environment[variable.name()] = variable.value();
  EXPECT_EQ(environment["C,D"], "2");
  EXPECT_EQ(environment["DENO_NO_UPDATE_CHECK"], "1");
}

TEST(RunTsCommandTest, RefusesWhatIsWrong) {
  EXPECT_THAT(RunTsCommand(agent::RunTsRequest(), ""),
              StatusIs(kInvalid, HasSubstr("neither code nor path")));
  agent::RunTsRequest request;
  for (const char* path : {"", "/etc/x.ts", "../x.ts"}) {
    request.set_path(path);
    EXPECT_THAT(RunTsCommand(request, ""), StatusIs(kInvalid, HasSubstr("path"))) << path;
  }
  request = Code("1");
  request.set_stdin(true);
  EXPECT_THAT(RunTsCommand(request, ""), StatusIs(kInvalid, HasSubstr("give a path")));
  EXPECT_THAT(RunTsCommand(Code(std::string(kMaxCodeBytes, ' ')), ""), IsOk());
  EXPECT_THAT(RunTsCommand(Code(std::string(kMaxCodeBytes + 1, ' ')), ""),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("limit of 524288")));
}

}  // namespace
}  // namespace voidbox

#include "agent/command.h"

#include <gtest/gtest.h>

#include <string>

#include "base/status_matchers.h"

namespace voidbox {
namespace {

class CommandTest : public ::testing::Test {
 protected:
  CommandTest() { request_.add_argv("true"); }
  void Set(const std::string& name, const std::string& value) {
    auto* variable = request_.add_environment();
    variable->set_name(name);
    variable->set_value(value);
  }
  std::string Refusal() {
    const auto command = ParseCommand(request_, setting_);
    EXPECT_EQ(command.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(command.status().message());
  }
  agent::ExecRequest request_;
  CommandSetting setting_;
};

TEST_F(CommandTest, Defaults) {
  const auto command = ParseCommand(request_, setting_);
  ASSERT_THAT(command, IsOk());
  EXPECT_EQ(command->arguments, std::vector<std::string>{"true"});
  EXPECT_EQ(
      command->environment,
      (std::vector<std::string>{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                                "HOME=/root", "TERM=xterm", "LANG=C.UTF-8"}));
  EXPECT_EQ(command->path, "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
  EXPECT_EQ(command->working_directory, "");
  EXPECT_EQ(command->timeout, absl::InfiniteDuration());
  EXPECT_EQ(command->kill_grace, absl::ZeroDuration());
  EXPECT_FALSE(command->wants_input);
}

TEST_F(CommandTest, ArgumentBounds) {
  request_.clear_argv();
  EXPECT_EQ(Refusal(), "argv: empty");
  request_.add_argv("");
  EXPECT_EQ(Refusal(), "argv[0]: empty");
  request_.set_argv(0, std::string("a\0b", 3));
  EXPECT_EQ(Refusal(), "argv[0]: contains a NUL byte");
  request_.set_argv(0, std::string(kMaxStringBytes - 1, 'a'));
  EXPECT_THAT(ParseCommand(request_, setting_), IsOk());
  request_.add_argv(std::string(kMaxStringBytes, 'a'));
  EXPECT_EQ(Refusal(), "argv[1]: 131073 bytes are more than the limit of 131072");
}

TEST_F(CommandTest, ArgumentsAndEnvironmentShareABound) {
  constexpr size_t kBytes = 1000;  // of an argument, its terminator and its pointer
  while (request_.argv_size() < static_cast<int>(kMaxStringsBytes / kBytes)) {
    request_.add_argv(std::string(kBytes - 1 - sizeof(char*), 'a'));
  }
  EXPECT_THAT(ParseCommand(request_, setting_), IsOk());
  Set("A", std::string(kBytes, 'v'));
  EXPECT_EQ(Refusal(),
            "environment[0]: argv and environment, 8 bytes for each included, have more than the "
            "limit of 2097152 bytes; pass it in a file or as input");
  request_.clear_environment();
  for (int i = 0; i < 3; ++i) request_.add_argv(std::string(kBytes, 'a'));
  EXPECT_THAT(Refusal(), ::testing::HasSubstr("more than the limit of 2097152 bytes"));
  // Empty ones cost what their pointers do.
  request_.clear_argv();
  for (size_t i = 0; i <= kMaxStringsBytes / (1 + sizeof(char*)); ++i) request_.add_argv("");
  EXPECT_THAT(Refusal(), ::testing::HasSubstr("more than the limit of 2097152 bytes"));
}

TEST_F(CommandTest, EnvironmentBounds) {
  Set("", "x");
  EXPECT_EQ(Refusal(), "environment[0]: empty name");
  request_.mutable_environment(0)->set_name("A=B");
  EXPECT_EQ(Refusal(), "environment[0]: name contains '='");
  request_.mutable_environment(0)->set_name(std::string("A\0", 2));
  EXPECT_EQ(Refusal(), "environment[0]: contains a NUL byte");
  request_.mutable_environment(0)->set_name("A");
  // With name, '=' and terminator.
  request_.mutable_environment(0)->set_value(std::string(kMaxStringBytes - 3, 'v'));
  EXPECT_THAT(ParseCommand(request_, setting_), IsOk());
  request_.mutable_environment(0)->set_value(std::string(kMaxStringBytes - 2, 'v'));
  EXPECT_EQ(Refusal(), "environment[0]: 131073 bytes are more than the limit of 131072");
}

TEST_F(CommandTest, TreesEndWithTheirLeadersWhereThatIsAskedFor) {
  EXPECT_FALSE(ParseCommand(request_, setting_)->kill_tree);
  request_.mutable_terminal();
  EXPECT_TRUE(ParseCommand(request_, setting_)->kill_tree);
  request_.clear_terminal();
  request_.set_kill_tree(true);
  EXPECT_TRUE(ParseCommand(request_, setting_)->kill_tree);
  request_.set_kill_tree(false);
  setting_.kills_trees = true;
  EXPECT_TRUE(ParseCommand(request_, setting_)->kill_tree);
}

TEST_F(CommandTest, WorkingDirectoryBounds) {
  request_.set_working_directory("relative");
  EXPECT_EQ(Refusal(), "working_directory: relative is not absolute");
  request_.set_working_directory(std::string("/\0", 2));
  EXPECT_EQ(Refusal(), "working_directory: contains a NUL byte");
  request_.set_working_directory("/" + std::string(4095, 'd'));
  EXPECT_EQ(Refusal(), "working_directory: 4096 bytes are more than the limit of 4095");
}

TEST_F(CommandTest, TimeBounds) {
  request_.set_timeout_ms(UINT64_MAX);
  EXPECT_EQ(Refusal(), "timeout_ms: 18446744073709551615 is more than the limit of 31536000000");
  request_.set_timeout_ms(0);
  request_.set_kill_grace_ms(60'001);
  EXPECT_EQ(Refusal(), "kill_grace_ms: 60001 is more than the limit of 60000");
}

}  // namespace
}  // namespace voidbox

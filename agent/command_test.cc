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
  request_.set_argv(0, std::string(kMaxArgumentBytes - 1, 'a'));
  EXPECT_THAT(ParseCommand(request_, setting_), IsOk());
  request_.add_argv("");
  EXPECT_EQ(Refusal(), "argv: 131073 bytes are more than the limit of 131072");
  request_.clear_argv();
  for (size_t i = 0; i <= kMaxArguments; ++i) request_.add_argv("a");
  EXPECT_EQ(Refusal(), "argv: 4097 entries are more than the limit of 4096");
}

TEST_F(CommandTest, EnvironmentBounds) {
  Set("", "x");
  EXPECT_EQ(Refusal(), "environment[0]: empty name");
  request_.mutable_environment(0)->set_name("A=B");
  EXPECT_EQ(Refusal(), "environment[0]: name contains '='");
  request_.mutable_environment(0)->set_name(std::string("A\0", 2));
  EXPECT_EQ(Refusal(), "environment[0]: contains a NUL byte");
  request_.mutable_environment(0)->set_name("A");
  request_.mutable_environment(0)->set_value(std::string(kMaxEnvironmentBytes - 2, 'v'));
  EXPECT_EQ(Refusal(), "environment: 131073 bytes are more than the limit of 131072");
  request_.clear_environment();
  for (size_t i = 0; i <= kMaxEnvironmentVariables; ++i) Set("A", "");
  EXPECT_EQ(Refusal(), "environment: 4097 variables are more than the limit of 4096");
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

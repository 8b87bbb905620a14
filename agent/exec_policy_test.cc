#include "agent/exec_policy.h"

#include <gtest/gtest.h>

#include <initializer_list>

#include "base/status_matchers.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;

class ExecPolicyTest : public ::testing::Test {
 protected:
  static agent::ConfigureRequest Allowing(std::initializer_list<const char*> commands) {
    agent::ConfigureRequest request;
    for (const char* command : commands) request.add_allowed_commands(command);
    return request;
  }
  // What the request's command is after the policy.
  absl::StatusOr<Command> Apply(const agent::ExecRequest& request, size_t running = 0) {
    auto command = ParseCommand(request, {.isolates = true});
    EXPECT_THAT(command, IsOk());
    if (const absl::Status status = policy_.Apply(running, *command); !status.ok()) return status;
    return command;
  }
  absl::Status Run(const std::string& program) {
    agent::ExecRequest request;
    request.add_argv(program);
    return Apply(request).status();
  }
  ExecPolicy policy_;
};

TEST_F(ExecPolicyTest, AllowsEverythingAtFirst) {
  EXPECT_THAT(Run("sh"), IsOk());
  EXPECT_THAT(Run("/home/user/program"), IsOk());
}

TEST_F(ExecPolicyTest, AllowsWhatIsListedAsItIsListed) {
  ASSERT_THAT(policy_.Configure(Allowing({"ls", "/bin/cat"})), IsOk());
  EXPECT_THAT(Run("ls"), IsOk());
  EXPECT_THAT(Run("/bin/cat"), IsOk());
  for (const char* program : {"sh", "cat", "/bin/ls", "./ls", "/bin/../bin/cat"}) {
    EXPECT_THAT(Run(program), StatusIs(absl::StatusCode::kPermissionDenied,
                                       HasSubstr("is not among the commands that this guest's "
                                                 "configuration allows")))
        << program;
  }
}

TEST_F(ExecPolicyTest, AnAllowedNameIsNotLookedUpInAPathOfTheRequest) {
  ASSERT_THAT(policy_.Configure(Allowing({"ls", "/bin/cat"})), IsOk());
  agent::ExecRequest request;
  request.add_argv("ls");
  auto* path = request.add_environment();
  path->set_name("PATH");
  path->set_value("/home/user/evil");
  EXPECT_THAT(Apply(request),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("leave PATH out")));
  request.set_argv(0, "/bin/cat");
  EXPECT_THAT(Apply(request), IsOk());
}

TEST_F(ExecPolicyTest, IsConfiguredOnce) {
  EXPECT_THAT(policy_.Configure(Allowing({"a/b"})),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("a/b is neither")));
  ASSERT_THAT(policy_.Configure(Allowing({"ls"})), IsOk());
  EXPECT_THAT(
      policy_.Configure(Allowing({})),
      StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("has its configuration already")));
  EXPECT_FALSE(Run("sh").ok());
}

TEST_F(ExecPolicyTest, RefusesABadConfigurationWhole) {
  agent::ConfigureRequest request = Allowing({"ls"});
  request.mutable_limits()->set_cpu_millis(1);
  EXPECT_THAT(policy_.Configure(request),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("limits.cpu_millis: 1 ")));
  EXPECT_THAT(Run("sh"), IsOk());
  EXPECT_THAT(policy_.Configure(Allowing({""})),
              StatusIs(absl::StatusCode::kInvalidArgument, "allowed_commands[0]: empty"));
  request = Allowing({});
  request.set_max_timeout_ms(UINT64_MAX);
  EXPECT_THAT(policy_.Configure(request),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("max_timeout_ms: ")));
  request = Allowing({});
  for (size_t i = 0; i <= ExecPolicy::kMaxAllowedCommands; ++i) request.add_allowed_commands("x");
  EXPECT_THAT(policy_.Configure(request),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "allowed_commands: 4097 are more than the limit of 4096"));
}

TEST_F(ExecPolicyTest, LimitsAreCeilingsAndDefaults) {
  agent::ConfigureRequest configuration;
  configuration.mutable_limits()->set_memory_bytes(64 << 20);
  configuration.mutable_limits()->set_processes(50);
  configuration.set_max_timeout_ms(5000);
  ASSERT_THAT(policy_.Configure(configuration), IsOk());
  agent::ExecRequest request;
  request.add_argv("true");
  request.mutable_limits()->set_processes(7);
  request.mutable_limits()->set_open_files(100);
  auto command = Apply(request);
  ASSERT_THAT(command, IsOk());
  EXPECT_EQ(command->limits,
            (ExecLimits{.memory_bytes = 64 << 20, .processes = 7, .open_files = 100}));
  EXPECT_EQ(command->timeout, absl::Seconds(5));

  request.mutable_limits()->set_processes(51);
  EXPECT_THAT(Apply(request),
              StatusIs(absl::StatusCode::kPermissionDenied,
                       "limits.processes: 51 is more than this guest's configuration allows, 50; "
                       "ask for that or less"));
  request.mutable_limits()->set_processes(0);
  request.set_timeout_ms(5001);
  EXPECT_THAT(Apply(request),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("timeout_ms: 5001 ")));
}

TEST_F(ExecPolicyTest, ForbidsOtherUsers) {
  agent::ConfigureRequest configuration;
  configuration.set_forbid_root(true);
  ASSERT_THAT(policy_.Configure(configuration), IsOk());
  agent::ExecRequest request;
  request.add_argv("id");
  EXPECT_THAT(Apply(request), IsOk());
  for (const char* user : {"root", "0", "1000:0", "5"}) {
    request.set_user(user);
    EXPECT_THAT(Apply(request),
                StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("none but uid 1000")))
        << user;
  }
}

TEST_F(ExecPolicyTest, BoundsHowManyRun) {
  agent::ConfigureRequest configuration;
  configuration.set_max_execs(2);
  ASSERT_THAT(policy_.Configure(configuration), IsOk());
  agent::ExecRequest request;
  request.add_argv("id");
  EXPECT_THAT(Apply(request, 1), IsOk());
  EXPECT_THAT(Apply(request, 2),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("max_execs: 2 run")));
}

}  // namespace
}  // namespace voidbox

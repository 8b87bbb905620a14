#include "agent/exec_policy.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

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

TEST_F(ExecPolicyTest, WithAListOfCommandsVariablesAreAListToo) {
  ASSERT_THAT(policy_.Configure(Allowing({"ls"})), IsOk());
  const auto with = [&](const std::string& name, const std::string& value) {
    agent::ExecRequest request;
    request.add_argv("ls");
    auto* variable = request.add_environment();
    variable->set_name(name);
    variable->set_value(value);
    return Apply(request).status();
  };
  for (const char* name : {"LANG", "LC_ALL", "LC_TIME", "TERM", "TZ"}) {
    EXPECT_THAT(with(name, "C"), IsOk()) << name;
  }
  for (const char* name : {"LD_PRELOAD", "LD_LIBRARY_PATH", "BASH_ENV", "ENV", "PYTHONPATH",
                           "NODE_OPTIONS", "HOME", "PATH", "LANGUAGE", "LC", "TZX", "lang"}) {
    EXPECT_THAT(with(name, "x"),
                StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("environment: ")))
        << name;
  }
  // What run-ts sets itself, and nothing else under these names.
  EXPECT_THAT(with("HOME", "/home/user"), IsOk());
  EXPECT_FALSE(with("DENO_DIR", "/tmp").ok());
}

TEST_F(ExecPolicyTest, TheListOfVariablesMayBeGiven) {
  agent::ConfigureRequest configuration = Allowing({"ls"});
  configuration.add_allowed_environment("CI");
  configuration.add_allowed_environment("APP_*");
  ASSERT_THAT(policy_.Configure(configuration), IsOk());
  for (const auto& [name, allowed] :
       {std::pair("CI", true), std::pair("APP_", true), std::pair("APP_X", true),
        std::pair("CIX", false), std::pair("XAPP_", false), std::pair("LANG", false)}) {
    agent::ExecRequest request;
    request.add_argv("ls");
    request.add_environment()->set_name(name);
    EXPECT_EQ(Apply(request).ok(), allowed) << name;
  }
}

TEST_F(ExecPolicyTest, WithAListOfCommandsTheWorkingDirectoryIsChecked) {
  ASSERT_THAT(policy_.Configure(Allowing({"ls"})), IsOk());
  agent::ExecRequest request;
  request.add_argv("ls");
  EXPECT_THAT(Apply(request), IsOk());
  for (const char* directory : {"/home/user", "/home/user/", "/home/user/a/b"}) {
    request.set_working_directory(directory);
    const auto command = Apply(request);
    ASSERT_THAT(command, IsOk()) << directory;
    EXPECT_EQ(command->allowed_directories, std::vector<std::string>{"/home/user"});
  }
  for (const char* directory : {"/", "/tmp", "/home/user2", "/home/user/../../tmp", "/home"}) {
    request.set_working_directory(directory);
    EXPECT_THAT(Apply(request),
                StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("working_directory: ")))
        << directory;
  }
  // All of the jail is the workspace.
  request.set_isolation(agent::JAIL);
  request.set_working_directory("/anywhere");
  const auto command = Apply(request);
  ASSERT_THAT(command, IsOk());
  EXPECT_TRUE(command->allowed_directories.empty());
}

TEST_F(ExecPolicyTest, DirectoriesOfTheListAreThoseOfTheWholeGuest) {
  agent::ConfigureRequest configuration = Allowing({"ls"});
  configuration.add_allowed_directories("/home/user/job/");
  configuration.add_allowed_directories("/srv");
  ASSERT_THAT(policy_.Configure(configuration), IsOk());
  agent::ExecRequest request;
  request.add_argv("ls");
  request.set_isolation(agent::JAIL);
  request.set_working_directory("/srv");
  EXPECT_FALSE(Apply(request).ok());
  request.set_working_directory("/job/1");
  const auto command = Apply(request);
  ASSERT_THAT(command, IsOk());
  EXPECT_EQ(command->allowed_directories, std::vector<std::string>{"/job"});
}

TEST_F(ExecPolicyTest, RefusesListsThatMakeNoSense) {
  agent::ConfigureRequest request = Allowing({"ls"});
  request.add_allowed_environment("A=B");
  EXPECT_THAT(policy_.Configure(request),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "allowed_environment[0]: A=B is no name of a variable"));
  request = Allowing({"ls"});
  for (const char* directory : {"", "a", "/a/../b"}) {
    request.clear_allowed_directories();
    request.add_allowed_directories(directory);
    EXPECT_THAT(policy_.Configure(request),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("allowed_directories[0]: ")))
        << directory;
  }
}

TEST_F(ExecPolicyTest, AnAllowedNameIsNotLookedUpInAPathOfTheRequest) {
  agent::ConfigureRequest configuration = Allowing({"ls", "/bin/cat"});
  configuration.add_allowed_environment("PATH");
  ASSERT_THAT(policy_.Configure(configuration), IsOk());
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

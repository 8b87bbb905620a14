// How commands start: their programs, environments and directories.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/command.h"
#include "agent/exec_testing.h"
#include "base/io.h"
#include "base/status_matchers.h"
#include "base/unique_fd.h"

namespace voidbox {
namespace {

using agent::ExecEnded;
using ::testing::HasSubstr;

INSTANTIATE_TEST_SUITE_P(All, ExecTest, ::testing::ValuesIn(AvailableTrees()), TreesName);

TEST_P(ExecTest, AMissingProgramIs127) {
  const Result result = Run(TestingClient::Exec({"voidbox-no-such-program"}));
  EXPECT_EQ(result.ended.reason(), ExecEnded::NOT_STARTED);
  EXPECT_EQ(result.ended.exit_code(), 127u);
  EXPECT_THAT(result.ended.message(), HasSubstr("voidbox-no-such-program: not found in PATH=/usr"));
  EXPECT_EQ(result.pid, 0u);
}

TEST_P(ExecTest, AMissingProgramByPathIs127) {
  const Result result = Run(TestingClient::Exec({"/nonexistent/program"}));
  EXPECT_EQ(result.ended.exit_code(), 127u);
  EXPECT_EQ(result.ended.message(), "/nonexistent/program: No such file or directory");
}

TEST_P(ExecTest, AMissingProgramWithALongAndBinaryNameIsToldLegibly) {
  agent::Request request = TestingClient::Exec({std::string(100'000, '\xff')});
  auto* path = request.mutable_exec()->add_environment();
  path->set_name("PATH");
  path->set_value(std::string(100'000, ':'));
  const Result result = Run(request);
  EXPECT_EQ(result.ended.exit_code(), 127u);
  EXPECT_EQ(result.ended.message().substr(0, 8), "\\xff\\xff");
  EXPECT_LT(result.ended.message().size(), 1100u);
}

TEST_P(ExecTest, AProgramWithoutPermissionIs126) {
  const Result result = Run(TestingClient::Exec({"/etc/passwd"}));
  EXPECT_EQ(result.ended.reason(), ExecEnded::NOT_STARTED);
  EXPECT_EQ(result.ended.exit_code(), 126u);
  EXPECT_EQ(result.ended.message(), "/etc/passwd: Permission denied");
}

TEST_P(ExecTest, ADirectoryIs126) {
  EXPECT_EQ(Run(TestingClient::Exec({"/etc"})).ended.exit_code(), 126u);
}

TEST_P(ExecTest, AMissingWorkingDirectoryIs126) {
  agent::Request request = TestingClient::Exec({"true"});
  request.mutable_exec()->set_working_directory("/nonexistent");
  const Result result = Run(request);
  EXPECT_EQ(result.ended.reason(), ExecEnded::NOT_STARTED);
  EXPECT_EQ(result.ended.exit_code(), 126u);
  EXPECT_EQ(result.ended.message(), "working directory /nonexistent: No such file or directory");
}

TEST_P(ExecTest, RunsInTheWorkingDirectory) {
  agent::Request request = TestingClient::Exec({"pwd"});
  request.mutable_exec()->set_working_directory("/usr");
  EXPECT_EQ(Run(request).out, "/usr\n");
  EXPECT_EQ(Run(TestingClient::Exec({"pwd"})).out, "/root\n");
}

TEST_P(ExecTest, ALinkLeadsToNoWorkingDirectoryThatIsNotAllowed) {
  const std::string directory = std::filesystem::canonical(::testing::TempDir()).string() +
                                absl::StrCat("/jobs-", ::getpid());
  std::filesystem::create_directories(directory + "/one");
  std::filesystem::create_directory_symlink("/usr", directory + "/away");
  agent::Request request;
  request.mutable_configure()->add_allowed_commands("pwd");
  request.mutable_configure()->add_allowed_directories(directory);
  TestingClient client = server_.Connect();
  client.Send(request);
  const auto done = client.Receive();
  ASSERT_THAT(done, IsOk());
  ASSERT_TRUE(done->has_done());
  request = TestingClient::Exec({"pwd"});
  request.mutable_exec()->set_working_directory(directory + "/one");
  EXPECT_EQ(Run(request).out, directory + "/one\n");
  request.mutable_exec()->set_working_directory(directory + "/away");
  const Result result = Run(request);
  EXPECT_EQ(result.ended.exit_code(), 126u);
  EXPECT_EQ(result.ended.message(),
            absl::StrCat("working directory ", directory, "/away: Permission denied"));
  std::filesystem::remove_all(directory);
}

TEST_P(ExecTest, TheEnvironmentIsTheBaseAndTheRequests) {
  agent::Request request = TestingClient::Exec({"/usr/bin/env"});
  auto set = [&](const std::string& name, const std::string& value) {
    auto* variable = request.mutable_exec()->add_environment();
    variable->set_name(name);
    variable->set_value(value);
  };
  set("HOME", "/elsewhere");
  set("A", "1");
  set("A", "x=\ny");
  EXPECT_EQ(Run(request).out,
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nHOME=/elsewhere\n"
            "TERM=xterm\nLANG=C.UTF-8\nA=x=\ny\n");
}

TEST_P(ExecTest, LooksUpTheProgramInTheRequestsPath) {
  const std::string directory = absl::StrCat(::testing::TempDir(), "/path-", ::getpid());
  std::filesystem::create_directories(directory + "/first");
  // Without an interpreter line, which is the shell's to run; and one that cannot be run before it.
  ASSERT_THAT(WriteFileAtomically(directory + "/found", "echo $0 $1", 0755), IsOk());
  ASSERT_THAT(WriteFileAtomically(directory + "/first/found", "echo wrong", 0644), IsOk());
  agent::Request request = TestingClient::Exec({"found", "argument"});
  auto* path = request.mutable_exec()->add_environment();
  path->set_name("PATH");
  path->set_value(absl::StrCat("/nonexistent:", directory, "/first:", directory));
  const Result result = Run(request);
  EXPECT_EQ(result.out, directory + "/found argument\n");
  std::filesystem::remove_all(directory);
}

TEST_P(ExecTest, AMissingInterpreterIs126AndNamed) {
  const std::string directory = absl::StrCat(::testing::TempDir(), "/scripts-", ::getpid());
  std::filesystem::create_directories(directory);
  const std::string path = directory + "/script";
  auto ended = [&](const std::string& name, absl::string_view text) {
    EXPECT_THAT(WriteFileAtomically(path, text, 0755), IsOk());
    agent::Request request = TestingClient::Exec({name});
    auto* variable = request.mutable_exec()->add_environment();
    variable->set_name("PATH");
    variable->set_value(directory);
    return Run(request).ended;
  };
  for (const std::string& name : {path, std::string("script")}) {
    ExecEnded end = ended(name, "#!/nonexistent/sh\n");
    EXPECT_EQ(end.exit_code(), 126u);
    EXPECT_EQ(end.message(), name + ": its interpreter /nonexistent/sh: No such file or directory");
    end = ended(name, "#!/bin/sh\r\necho\r\n");
    EXPECT_EQ(end.exit_code(), 126u);
    EXPECT_EQ(end.message(), name +
                                 ": its interpreter /bin/sh (a carriage return is behind it, as "
                                 "Windows ends lines): No such file or directory");
    end = ended(name, "#!/etc/passwd/sh\n");
    EXPECT_EQ(end.exit_code(), 126u);
    EXPECT_THAT(end.message(), HasSubstr("its interpreter /etc/passwd/sh: Not a directory"));
  }
  std::filesystem::remove_all(directory);
}

TEST_P(ExecTest, AMissingLoaderIs126AndNamed) {
  auto program = ReadFile("/bin/true");
  ASSERT_THAT(program, IsOk());
  const size_t name = program->find("/lib64/ld-linux");
  ASSERT_NE(name, std::string::npos);
  program->replace(name, 6, "/lib65");
  const std::string path = absl::StrCat(::testing::TempDir(), "/program-", ::getpid());
  ASSERT_THAT(WriteFileAtomically(path, *program, 0755), IsOk());
  const ExecEnded ended = Run(TestingClient::Exec({path})).ended;
  EXPECT_EQ(ended.exit_code(), 126u);
  EXPECT_THAT(ended.message(), HasSubstr("its interpreter /lib65/ld-linux-x86-64.so.2: No such"));
  // One for another kind of processor is no script.
  (*program)[18] = '\x07';
  ASSERT_THAT(WriteFileAtomically(path, *program, 0755), IsOk());
  EXPECT_EQ(Run(TestingClient::Exec({path})).ended.message(), path + ": Exec format error");
  std::filesystem::remove(path);
}

TEST_P(ExecTest, LargestArgumentsAndEnvironmentRun) {
  agent::Request request = TestingClient::Exec({"sh", "-c", "echo $# ${#V} ${#1}", "sh"});
  agent::ExecRequest& exec = *request.mutable_exec();
  exec.add_argv(std::string(kMaxStringBytes - 1, 'a'));
  auto* variable = exec.add_environment();
  variable->set_name("V");
  variable->set_value(std::string(kMaxStringBytes - 3, 'v'));
  constexpr size_t kBytes = 10;  // of "a", its terminator and its pointer
  // But for the program's path and the base environment.
  const size_t count = (kMaxStringsBytes - 2 * kMaxStringBytes - 1024) / kBytes;
  for (size_t i = 0; i < count; ++i) exec.add_argv("a");
  EXPECT_EQ(Run(request).out,
            absl::StrCat(count + 1, " ", kMaxStringBytes - 3, " ", kMaxStringBytes - 1, "\n"));
}

TEST_P(ExecTest, SignalsHaveTheirDefaultsAndNoneIsBlocked) {
  // /proc/self/status: masks of blocked and ignored signals.
  const Result result =
      Run(TestingClient::Exec({"grep", "-E", "^Sig(Blk|Ign):", "/proc/self/status"}));
  EXPECT_EQ(result.out, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

TEST_P(ExecTest, TheProcessLeadsASessionAndMayGainNothing) {
  const Result result =
      Run(TestingClient::Shell("cut -d' ' -f6 /proc/$$/stat; ulimit -c; grep NoNewPrivs "
                               "/proc/self/status"));
  EXPECT_EQ(result.out, absl::StrCat(result.pid, "\n0\nNoNewPrivs:\t1\n"));
}

TEST_P(ExecTest, NoDescriptorIsInherited) {
  const UniqueFd leak(::open("/dev/null", O_RDONLY));  // without O_CLOEXEC
  // ls has one of its own open for the directory.
  EXPECT_EQ(Run(TestingClient::Exec({"ls", "/proc/self/fd"})).out, "0\n1\n2\n3\n");
}

}  // namespace
}  // namespace voidbox

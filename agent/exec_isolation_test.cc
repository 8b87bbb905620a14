// Commands as a guest has them: as uid 1000, as others, and in a jail.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/exec_testing.h"
#include "base/io.h"
#include "base/status_matchers.h"
#include "base/unique_fd.h"

namespace voidbox {
namespace {

using agent::ExecEnded;
using ::testing::HasSubstr;
using ::testing::Not;

namespace fs = std::filesystem;

constexpr char kNoCapabilities[] = "0000000000000000";

std::string JailPath() { return absl::StrCat(::testing::TempDir(), "/jail-", ::getpid()); }

class ExecIsolationTest : public ExecTest {
 protected:
  ExecIsolationTest()
      : ExecTest(
            {.isolates = true,
             .account_files = {.passwd = JailPath() + ".passwd", .group = JailPath() + ".group"},
             .jail = JailPath()}) {
    fs::create_directories(jail_ + "/bin");
    fs::create_directories(jail_ + "/dev");
    fs::create_directories(jail_ + "/work");
    fs::copy_file("/bin/busybox", jail_ + "/bin/busybox", fs::copy_options::overwrite_existing);
    for (const char* name : {"sh", "cat", "ls", "id", "pwd", "env", "mount", "chroot", "unshare",
                             "mknod", "true", "grep"}) {
      fs::create_symlink("busybox", jail_ + "/bin/" + name);
    }
    EXPECT_THAT(WriteFileAtomically(jail_ + ".passwd",
                                    *ReadFile("/etc/passwd") + "member:x:1234:1235::/:/bin/sh\n"),
                IsOk());
    EXPECT_THAT(WriteFileAtomically(jail_ + ".group", "audio:x:29:member\nvideo:x:44:a,member\n"),
                IsOk());
    EXPECT_EQ(::chown((jail_ + "/work").c_str(), 1000, 1000), 0);
  }
  ~ExecIsolationTest() override {
    for (const char* const name : {"", ".passwd", ".group"}) fs::remove_all(jail_ + name);
  }

  static agent::Request Jailed(agent::Request request) {
    request.mutable_exec()->set_isolation(agent::JAIL);
    return request;
  }
  Result RunJailed(const std::string& script) { return Run(Jailed(TestingClient::Shell(script))); }

  const std::string jail_ = JailPath();
};

INSTANTIATE_TEST_SUITE_P(All, ExecIsolationTest, ::testing::ValuesIn(AvailableTrees()), TreesName);

TEST_P(ExecIsolationTest, AUserIsInTheGroupsThatNameHimButNotInAJail) {
  agent::Request request = TestingClient::Shell("id -G");
  request.mutable_exec()->set_user("member");
  EXPECT_EQ(Run(request).out, "1235 29 44\n");
  EXPECT_EQ(Run(Jailed(request)).out, "1235\n");
  request.mutable_exec()->set_user("1234:5");
  EXPECT_EQ(Run(request).out, "5\n");
}

TEST_P(ExecIsolationTest, ACommandIsUid1000WithoutGroupsAndCapabilities) {
  const Result result =
      Run(TestingClient::Shell("id -u; id -g; id -G; grep -E '^(Cap(Inh|Prm|Eff|Amb)|NoNewPrivs)' "
                               "/proc/self/status; echo $HOME $USER"));
  EXPECT_EQ(result.out, absl::StrCat("1000\n1000\n1000\nCapInh:\t", kNoCapabilities, "\nCapPrm:\t",
                                     kNoCapabilities, "\nCapEff:\t", kNoCapabilities, "\nCapAmb:\t",
                                     kNoCapabilities, "\nNoNewPrivs:\t1\n/home/user user\n"));
}

TEST_P(ExecIsolationTest, WithoutAHomeItRunsInTheRoot) {
  ASSERT_FALSE(fs::exists("/home/user"));
  EXPECT_EQ(Run(TestingClient::Exec({"pwd"})).out, "/\n");
}

TEST_P(ExecIsolationTest, WhatOnlyRootMayIsRefused) {
  const Result result = Run(TestingClient::Shell(
      "cat /etc/shadow; mount -t tmpfs none /mnt; kill -0 1; echo > /voidbox-test; chown 0 /tmp"));
  EXPECT_EQ(result.out, "");
  EXPECT_NE(result.ended.exit_code(), 0u);
  EXPECT_FALSE(fs::exists("/voidbox-test"));
}

TEST_P(ExecIsolationTest, ItsStreamsAreItsOwnToOpen) {
  const Result result =
      Run(TestingClient::Shell("echo out >/dev/stdout; echo err >/dev/stderr; cat </dev/stdin"));
  EXPECT_EQ(result.out, "out\n");
  EXPECT_EQ(result.err, "err\n");
}

TEST_P(ExecIsolationTest, RootIsRootWhereItIsAskedFor) {
  agent::Request request = TestingClient::Shell(
      "id -u; pwd; echo $HOME $USER; grep CapEff "
      "/proc/self/status");
  request.mutable_exec()->set_user("root");
  const Result result = Run(request);
  EXPECT_THAT(result.out, HasSubstr("0\n/root\n/root root\nCapEff:\t"));
  EXPECT_THAT(result.out, Not(HasSubstr(kNoCapabilities)));
}

TEST_P(ExecIsolationTest, OthersAreFoundByNameAndNumber) {
  agent::Request request = TestingClient::Shell("id -u; id -g; echo $HOME $USER");
  request.mutable_exec()->set_user("daemon");
  EXPECT_EQ(Run(request).out, "1\n1\n/usr/sbin daemon\n");
  request.mutable_exec()->set_user("54321:7");
  EXPECT_EQ(Run(request).out, "54321\n7\n/\n");
  request.mutable_exec()->set_user("nobody-of-this-name");
  const Result result = Run(request);
  EXPECT_EQ(result.error.code(), agent::Error::INVALID_ARGUMENT);
  EXPECT_THAT(result.error.message(), HasSubstr("has no 'nobody-of-this-name'"));
}

TEST_P(ExecIsolationTest, LimitsOfEachProcessAreSet) {
  agent::Request request = TestingClient::Shell("ulimit -n; ulimit -f; ulimit -c; ulimit -Hn");
  request.mutable_exec()->mutable_limits()->set_open_files(99);
  request.mutable_exec()->mutable_limits()->set_file_bytes(1 << 20);
  EXPECT_EQ(Run(request).out, "99\n2048\n0\n99\n");
}

TEST_P(ExecIsolationTest, AFileThatGrowsTooLargeIsToldAsItsSignal) {
  agent::Request request = Jailed(TestingClient::Shell("exec cat /bin/busybox > /work/copy"));
  request.mutable_exec()->mutable_limits()->set_file_bytes(4096);
  const Result result = Run(request);
  EXPECT_EQ(result.ended.reason(), ExecEnded::SIGNALED);
  EXPECT_EQ(result.ended.signal(), static_cast<uint32_t>(SIGXFSZ));
}

TEST_P(ExecIsolationTest, AJailIsAllThatItsCommandsSee) {
  const Result result = RunJailed("pwd; id -u; echo $HOME $PATH; ls /; ls -d /etc /proc /usr");
  EXPECT_EQ(result.out, "/\n1000\n/ /bin\nbin\ndev\nwork\n");
  EXPECT_NE(result.ended.exit_code(), 0u);
}

TEST_P(ExecIsolationTest, AJailHasNoWayOut) {
  const Result result = RunJailed(
      "cd /../../..; ls; "
      "for command in 'mount -t tmpfs none /work' 'chroot /work /bin/true' 'unshare true' "
      "'unshare -U true' 'mknod /work/sda b 8 0'; do "
      "  $command && echo \"$command worked\"; "
      "done; echo end");
  EXPECT_EQ(result.out, "bin\ndev\nwork\nend\n");
  // Each was there, and refused.
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 5) << result.err;
  EXPECT_THAT(result.err, Not(HasSubstr("not found")));
}

TEST_P(ExecIsolationTest, ARootInAJailHasNoCapabilities) {
  ASSERT_EQ(::chown((jail_ + "/work").c_str(), 0, 0), 0);
  UniqueFd file(::open((jail_ + "/work/foreign").c_str(), O_CREAT | O_WRONLY, 0600));
  ASSERT_EQ(::fchown(file.get(), 5, 5), 0);
  agent::Request request =
      Jailed(TestingClient::Shell("id -u; cat /work/foreign; mknod /work/x c 1 3; chroot /work"));
  request.mutable_exec()->set_user("root");
  const Result result = Run(request);
  EXPECT_EQ(result.out, "0\n");
  EXPECT_THAT(result.err, HasSubstr("Permission denied"));
}

TEST_P(ExecIsolationTest, TheWorkingDirectoryIsOneOfTheJail) {
  agent::Request request = Jailed(TestingClient::Exec({"pwd"}));
  request.mutable_exec()->set_working_directory("/work");
  EXPECT_EQ(Run(request).out, "/work\n");

  request.mutable_exec()->set_working_directory("/etc");
  Result result = Run(request);
  EXPECT_EQ(result.ended.reason(), ExecEnded::NOT_STARTED);
  EXPECT_EQ(result.ended.message(), "working directory /etc: No such file or directory");

  for (const char* outside : {"/..", "/work/../../etc"}) {
    request.mutable_exec()->set_working_directory(outside);
    result = Run(request);
    EXPECT_EQ(result.error.code(), agent::Error::INVALID_ARGUMENT);
    EXPECT_EQ(result.error.message(),
              absl::StrCat("working_directory: ", outside, " is outside of the jail"));
  }
}

TEST_P(ExecIsolationTest, AWorkingDirectoryThatTheUserMayNotEnterIsRefused) {
  ASSERT_EQ(::chmod((jail_ + "/work").c_str(), 0), 0);
  ASSERT_EQ(::chown((jail_ + "/work").c_str(), 0, 0), 0);
  agent::Request request = Jailed(TestingClient::Exec({"pwd"}));
  request.mutable_exec()->set_working_directory("/work");
  const Result result = Run(request);
  EXPECT_EQ(result.ended.reason(), ExecEnded::NOT_STARTED);
  EXPECT_EQ(result.ended.message(), "working directory /work: Permission denied");
}

TEST_P(ExecIsolationTest, AProgramThatTheJailHasNotIs127) {
  const Result result = Run(Jailed(TestingClient::Exec({"python3"})));
  EXPECT_EQ(result.ended.exit_code(), 127u);
  EXPECT_EQ(result.ended.message(),
            absl::StrCat("python3: not found in PATH=/bin in the jail ", jail_));
}

TEST_P(ExecIsolationTest, NoDescriptorLeadsOutOfTheJail) {
  const UniqueFd leak(::open("/", O_RDONLY | O_DIRECTORY));  // without O_CLOEXEC
  // Without /proc, by trying: 0 to 2 are all that can be duplicated.
  const Result result =
      RunJailed("for fd in 0 1 2 3 4 5 6 7 8; do (eval \"exec 9<&$fd\") && echo $fd; done");
  EXPECT_EQ(result.out, "0\n1\n2\n") << result.err;
}

TEST_P(ExecIsolationTest, AMissingJailIsAnError) {
  fs::rename(jail_, jail_ + "-away");
  const Result result = RunJailed("true");
  EXPECT_EQ(result.ended.reason(), ExecEnded::NOT_STARTED);
  EXPECT_EQ(result.ended.exit_code(), 126u);
  EXPECT_EQ(result.ended.message(), absl::StrCat("jail ", jail_, ": No such file or directory"));
  fs::rename(jail_ + "-away", jail_);
}

class CgroupIsolationTest : public ExecIsolationTest {};

INSTANTIATE_TEST_SUITE_P(All, CgroupIsolationTest, ::testing::ValuesIn(CgroupsIfAvailable()),
                         TreesName);

TEST_P(CgroupIsolationTest, OnlyCommandsThatCannotChangeTheirCgroupsUseEachOthers) {
  const agent::Request user = TestingClient::Shell("grep -o 'exec-[0-9]*$' /proc/self/cgroup");
  agent::Request root = user;
  root.mutable_exec()->set_user("root");
  EXPECT_EQ(Run(user).out, "exec-1\n");
  EXPECT_EQ(Run(user).out, "exec-1\n");
  EXPECT_EQ(Run(root).out, "exec-2\n");
  EXPECT_EQ(Run(root).out, "exec-3\n");
  EXPECT_EQ(Run(user).out, "exec-1\n");
  EXPECT_EQ(cgroup_.Children(), std::vector<std::string>{"exec-1"});
}

// The emulated host's commands.
INSTANTIATE_TEST_SUITE_P(All, ExecTest, ::testing::ValuesIn(AvailableTrees()), TreesName);

TEST_P(ExecTest, WhereNothingIsIsolatedAJailAndAUserAreRefused) {
  agent::Request request = TestingClient::Exec({"true"});
  request.mutable_exec()->set_isolation(agent::JAIL);
  EXPECT_EQ(Run(request).error.message(), "isolation: there is no jail here");
  request.mutable_exec()->set_isolation(agent::ROOTFS);
  request.mutable_exec()->set_user("root");
  EXPECT_EQ(Run(request).error.message(), "user: commands run as root here; leave it empty");
}

}  // namespace
}  // namespace voidbox

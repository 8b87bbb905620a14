// What commands see and may do in a guest: in the jail, and as uid 1000 in its root.
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "agent/agent.pb.h"
#include "base/status_matchers.h"
#include "tests/exec_guest_fixture.h"
#include "tests/guest_sandbox.h"

namespace voidbox {
namespace {

using agent::ExecEnded;
using ::testing::HasSubstr;
using ::testing::Not;

using JailGuestTest = ExecGuestTest;

// --- The seeds' statements ---

TEST_F(JailGuestTest, CreatesAUserWithUidAndGid1000AndAHome) {
  EXPECT_EQ(Run(User("id; pwd; echo $HOME; touch ~/mine && rm ~/mine"))->out,
            "uid=1000(user) gid=1000(user)\n/home/user\n/home/user\n");
}

TEST_F(JailGuestTest, ExecRunsChrootedToHomeUserSoThatEtcProcAndUsrAreNotVisible) {
  const auto exec = Run(Jailed("pwd; ls -d /etc /proc /usr /sbin /sys; ls /"));
  EXPECT_EQ(exec->out, "/\nbin\ndev\ntmp\n");
  EXPECT_THAT(exec->err, HasSubstr("/etc: No such file or directory"));
}

TEST_F(JailGuestTest, AToolchainOfBusyboxIsInsideHomeUser) {
  const auto exec =
      Run(Jailed("for tool in awk cat cp find grep ls mkdir mv rm sed sh sort tar vi; "
                 "do test -x /bin/$tool || echo no $tool; done; "
                 "printf 'b\\na\\n' | sort | tr a-z A-Z | sed s/^/x/"));
  EXPECT_EQ(exec->out, "xA\nxB\n") << exec->err;
}

TEST_F(JailGuestTest, MinimalDeviceNodesAreInsideHomeUser) {
  const auto exec =
      Run(Jailed("echo gone >/dev/null && head -c 4 /dev/zero | wc -c && "
                 "head -c 8 /dev/urandom | wc -c && ls /dev"));
  EXPECT_EQ(exec->out, "4\n8\nfull\nnull\nrandom\ntty\nurandom\nzero\n") << exec->err;
}

// --- The jail ---

TEST_F(JailGuestTest, AJailHasNoWayOut) {
  const auto exec = Run(Jailed(
      "cd /../../../; ls; cd ..; pwd; "
      "mkdir -p /tmp/d; "
      "for command in 'mount -t tmpfs none /tmp/d' 'mount -t proc none /tmp/d' 'umount /dev' "
      "'chroot /tmp/d /bin/sh' 'pivot_root /tmp/d /tmp/d' 'unshare true' 'unshare -U true' "
      "'unshare -r true' 'mknod /tmp/vda b 254 0' 'hostname x' 'adjtimex -f 1' "
      "'swapon /dev/zero' 'dmesg' 'insmod /tmp/x' 'reboot -f' 'ln /dev/null /tmp/null' "
      "'chown 0:0 /tmp/d' 'rm /bin/sh' 'nsenter -t 1 -m true' 'kill -0 1'; do "
      "  $command && echo \"$command worked\"; "
      "done; echo end"));
  EXPECT_EQ(exec->out, "bin\ndev\ntmp\n/\nend\n") << exec->err;
  EXPECT_THAT(exec->err, Not(HasSubstr("not found")));
}

TEST_F(JailGuestTest, AJailHasNoPrivilegesAndAFilter) {
  // It has no /proc of its own: looked at from outside, by its argument.
  agent::ExecRequest request = Jailed("echo ready; read line");
  request.set_stdin(true);
  const auto jailed = guest_->Start(request);
  guest_->AwaitOutput(*jailed, "ready\n");
  const auto exec =
      Run(Root(absl::StrCat("cd /proc/", jailed->pid,
                            " && grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp:)' status; "
                            "readlink root; readlink cwd; ls fd | wc -l")));
  EXPECT_EQ(exec->out,
            "Uid:\t1000\t1000\t1000\t1000\nGid:\t1000\t1000\t1000\t1000\nGroups:\t \n"
            "CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n"
            "CapBnd:\t0000000000000000\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n"
            "/home/user\n/home/user\n3\n");
  jailed->SendInput("\n");
  guest_->Finish(*jailed);
}

TEST_F(JailGuestTest, ARootInAJailIsNoMore) {
  agent::ExecRequest request = Jailed(
      "id -u; mknod /tmp/x c 1 3; mount -t proc none /tmp; "
      "chroot /tmp /bin/sh; chown 5 /tmp; echo end");
  request.set_user("root");
  EXPECT_EQ(Run(request)->out, "0\nend\n");
}

TEST_F(JailGuestTest, AWorkingDirectoryOutsideOfTheJailIsAnError) {
  agent::ExecRequest request = Jailed("pwd");
  request.set_working_directory("/tmp");
  EXPECT_EQ(Run(request)->out, "/tmp\n");
  request.set_working_directory("/usr/bin");
  const auto missing = Run(request);
  EXPECT_EQ(missing->ended->reason(), ExecEnded::NOT_STARTED);
  EXPECT_EQ(missing->ended->message(), "working directory /usr/bin: No such file or directory");
  request.set_working_directory("/../etc");
  agent::Request call;
  *call.mutable_exec() = request;
  EXPECT_EQ(guest_->Ask(call).error().code(), agent::Error::INVALID_ARGUMENT);
}

TEST_F(JailGuestTest, ASymbolicLinkOfTheUserLeadsNowhere) {
  // Made outside, where it has a target.
  ExpectExit(*Run(User("ln -s /etc ~/etc && ls ~/etc/passwd")), 0);
  const auto exec = Run(Jailed("cat /etc/passwd"));
  EXPECT_EQ(exec->out, "");
  EXPECT_NE(exec->ended->exit_code(), 0u);
  ExpectExit(*Run(User("rm ~/etc")), 0);
}

// --- uid 1000 in the root ---

TEST_F(JailGuestTest, AUserMayNotWhatIsRoots) {
  const auto exec =
      Run(User("for command in 'touch /x' 'touch /etc/x' 'touch /sys/fs/cgroup/x' 'mkdir /run/x' "
               "'mount -t tmpfs none /tmp' 'hostname x' 'kill -9 1' 'cat /proc/1/environ' "
               "'head -c 1 /dev/vda' 'reboot -f' 'ls /proc/1/fd' 'chroot / true'; do "
               "  $command && echo \"$command worked\"; "
               "done; echo -1000 >/proc/self/oom_score_adj && echo unkillable; "
               "echo $$ >/sys/fs/cgroup/cgroup.procs && echo free; echo end"));
  EXPECT_EQ(exec->out, "end\n");
}

TEST_F(JailGuestTest, RootIsThereWhereItIsAskedFor) {
  EXPECT_EQ(Run(Root("id -u; touch /etc/x && rm /etc/x && echo yes"))->out, "0\nyes\n");
  agent::ExecRequest request = User("id -u; id -g; pwd");
  request.set_user("1:2");
  EXPECT_EQ(Run(request)->out, "1\n2\n/\n");
}

TEST_F(JailGuestTest, AHostileAccountFileKeepsNobodyWaiting) {
  ExpectExit(*Run(Root("mv /etc/passwd /etc/passwd.kept && mkfifo /etc/passwd")), 0);
  agent::Request call;
  *call.mutable_exec() = User("true");
  call.mutable_exec()->set_user("daemon");
  EXPECT_THAT(guest_->Ask(call).error().message(), HasSubstr("is not a regular file"));
  ExpectExit(*Run(Root("mv /etc/passwd.kept /etc/passwd")), 0);
}

}  // namespace
}  // namespace voidbox

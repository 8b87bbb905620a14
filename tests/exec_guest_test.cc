// What commands may use of a guest, and what becomes of them: limits, terminals, and the lives of
// execs beyond their connections.
#include <gtest/gtest.h>
#include <signal.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
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

TEST_F(ExecGuestTest, PingWorksForAnOrdinaryUser) {
  for (const char* const host : {"127.0.0.1", "::1", "localhost"}) {
    agent::ExecRequest request = GuestSandbox::Command({"ping", "-c1", "-W30", host});
    request.clear_user();
    const auto exec = Run(request);
    ASSERT_TRUE(exec->ended.has_value());
    EXPECT_EQ(exec->ended->exit_code(), 0) << exec->err;
    EXPECT_THAT(exec->out, HasSubstr("1 packets received, 0% packet loss")) << host;
  }
}

// --- Limits ---

TEST_F(ExecGuestTest, AForkBombEndsByItsTimeoutAndOthersGoOn) {
  agent::ExecRequest bomb = User("echo ready; f() { f | f & }; f; f; sleep 1000");
  bomb.mutable_limits()->set_processes(100);
  bomb.set_timeout_ms(8000);
  bomb.set_kill_tree(true);  // its shell may end by itself when it cannot fork
  const auto exec = guest_->Start(bomb);
  guest_->AwaitOutput(*exec, "ready\n");
  EXPECT_EQ(Run(User("echo other"))->out, "other\n");
  guest_->Finish(*exec);
  EXPECT_THAT(exec->err, HasSubstr("can't fork"));
  EXPECT_TRUE(exec->ended->reason() == ExecEnded::TIMED_OUT ||
              exec->ended->reason() == ExecEnded::EXITED)
      << exec->ended->ShortDebugString();
}

TEST_F(ExecGuestTest, AForkBombWithoutLimitsOfItsOwnIsBoundedToo) {
  agent::ExecRequest bomb =
      User("echo ready; f() { while sleep 1000 & do :; done; }; f; echo full; wait");
  bomb.set_kill_tree(true);  // its shell may end by itself when it cannot fork
  const auto exec = guest_->Start(bomb);
  // What a command gets by default is a share of the machine's.
  guest_->Await([&] { return exec->err.find("can't fork") != std::string::npos || exec->end; });
  EXPECT_EQ(Run(User("echo other"))->out, "other\n");
  exec->HangUp();
  guest_->Await([] { return List().size() == 0; });
}

TEST_F(ExecGuestTest, AMemoryHogIsKilledAtItsLimit) {
  agent::ExecRequest hog = User("echo ready; tail /dev/zero; echo survived");
  hog.mutable_limits()->set_memory_bytes(16 << 20);
  const auto exec = Run(hog);
  // As a whole: not only what was too large.
  EXPECT_EQ(exec->out, "ready\n");
  EXPECT_EQ(exec->ended->reason(), ExecEnded::OUT_OF_MEMORY) << exec->ended->ShortDebugString();
  EXPECT_EQ(exec->ended->signal(), static_cast<uint32_t>(SIGKILL));
}

TEST_F(ExecGuestTest, MemoryHogsThatTakeAllTogetherLeaveTheAgentAlone) {
  std::vector<std::unique_ptr<Exec>> hogs;
  agent::ExecRequest hog = GuestSandbox::Command({"tail", "/dev/zero"});
  hog.clear_user();
  for (int i = 0; i < 4; ++i) hogs.push_back(guest_->Start(hog));
  for (const auto& exec : hogs) {
    guest_->Finish(*exec);
    EXPECT_EQ(exec->ended->reason(), ExecEnded::OUT_OF_MEMORY) << exec->ended->ShortDebugString();
  }
  EXPECT_THAT(Run(Root("cat /sys/fs/cgroup/execs/memory.max"))->out, Not(HasSubstr("max")));
}

TEST_F(ExecGuestTest, ADiskFillerIsToldAndOthersGoOn) {
  const auto exec =
      Run(User("for d in /tmp /dev/shm ~; do cat /dev/zero >$d/fill || echo full; done; echo end"));
  EXPECT_TRUE(exec->out == "full\nfull\nfull\nend\n" ||
              exec->ended->reason() == ExecEnded::OUT_OF_MEMORY)
      << exec->out << exec->ended->ShortDebugString();
  // While all of it is still there.
  EXPECT_EQ(Run(User("echo other"))->out, "other\n");
  EXPECT_EQ(Run(Jailed("echo jailed"))->out, "jailed\n");
  Run(User("rm -f /tmp/fill /dev/shm/fill ~/fill"));
}

TEST_F(ExecGuestTest, AProcessorLimitIsKept) {
  // Works until it was made to wait.
  agent::ExecRequest request = User(
      "stat=/sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup)/cpu.stat; "
      "while grep -q '^nr_throttled 0' $stat; do :; done; grep -c '^nr_throttled [1-9]' $stat");
  request.mutable_limits()->set_cpu_millis(50);
  request.set_timeout_ms(60'000);
  const auto exec = Run(request);
  EXPECT_EQ(exec->out, "1\n") << exec->err;
  ExpectExit(*exec, 0);
}

TEST_F(ExecGuestTest, OpenFilesAndFileSizesAreLimited) {
  agent::ExecRequest request =
      User("ulimit -n; cat /dev/zero >/tmp/large; echo $?; wc -c </tmp/large; rm /tmp/large");
  request.mutable_limits()->set_open_files(64);
  request.mutable_limits()->set_file_bytes(1 << 20);
  EXPECT_EQ(Run(request)->out, absl::StrCat("64\n", 128 + SIGXFSZ, "\n", 1 << 20, "\n"));
}

TEST_F(ExecGuestTest, WhoStopsItsSiblingsDoesNotStopTheAgent) {
  // Everything of uid 1000, as fast as it can: also what is on its way to its program.
  const auto exec = guest_->Start(User("echo ready; while :; do kill -STOP -1; done"));
  guest_->AwaitOutput(*exec, "ready\n");
  for (int i = 0; i < 20; ++i) {
    agent::ExecRequest request = User("echo never mind");
    request.set_timeout_ms(500);
    const auto other = Run(request);
    ASSERT_TRUE(other->ended.has_value());
  }
  EXPECT_EQ(Run(Root("echo root"))->out, "root\n");
  exec->HangUp();
  guest_->Await([] { return List().empty(); });
}

// --- Terminals ---

TEST_F(ExecGuestTest, SixtyFourTerminalsAtOnce) {
  std::vector<std::unique_ptr<Exec>> execs;
  for (int i = 0; i < 64; ++i) {
    agent::ExecRequest request = User(absl::StrCat("tty; read x; echo $x ", i));
    request.mutable_terminal()->mutable_size()->set_rows(20);
    request.mutable_terminal()->mutable_size()->set_columns(70);
    execs.push_back(guest_->Start(request));
  }
  for (const auto& exec : execs) guest_->AwaitOutput(*exec, "/dev/pts/");
  for (size_t i = 0; i < execs.size(); ++i) {
    execs[i]->SendInput("line\r");
    guest_->Finish(*execs[i]);
    EXPECT_THAT(execs[i]->out, HasSubstr(absl::StrCat("line ", i, "\r\n")));
  }
}

TEST_F(ExecGuestTest, AJailHasTerminalsToo) {
  agent::ExecRequest request = Jailed("test -t 1 && stty size </dev/tty && echo to >/dev/tty");
  request.mutable_terminal()->mutable_size()->set_rows(20);
  request.mutable_terminal()->mutable_size()->set_columns(70);
  EXPECT_EQ(Run(request)->out, "20 70\r\nto\r\n");
}

// --- Execs that are kept ---

TEST_F(ExecGuestTest, AKeptExecIsFoundAgain) {
  agent::ExecRequest request = User("echo one; read line; echo two; exit 3");
  request.set_keep(true);
  request.set_stdin(true);
  const auto exec = guest_->Start(request);
  guest_->AwaitOutput(*exec, "one\n");
  exec->HangUp();
  std::vector<agent::ExecInfo> execs;
  guest_->Await([&] { return (execs = List()).size() == 1 && !execs[0].attached(); });
  EXPECT_EQ(execs[0].uid(), 1000u);
  EXPECT_EQ(execs[0].argv(0), "sh");
  EXPECT_TRUE(Kill(execs[0].id()).has_done());
  guest_->Await([&] { return (execs = List()).at(0).has_ended(); });
  agent::Request attach;
  attach.mutable_attach()->set_id(execs[0].id());
  const agent::ServerFrame last = guest_->Ask(attach);
  EXPECT_EQ(last.ended().signal(), static_cast<uint32_t>(SIGKILL)) << last.ShortDebugString();
}

// --- The agent ---

TEST_F(ExecGuestTest, AThousandExecsLeaveNoGrowthOfTheAgentsMemory) {
  for (int i = 0; i < 100; ++i) Run(User("echo warm"));
  const uint64_t before = AgentResidentKib();
  for (int i = 0; i < 1000; ++i) {
    agent::ExecRequest request = i % 4 == 0 ? Jailed("echo x") : User("echo x; echo y >&2");
    if (i % 10 == 0) request.mutable_terminal();
    ASSERT_EQ(Run(request)->ended->exit_code(), 0u);
  }
  EXPECT_LE(AgentResidentKib(), before + 64);
  // Nor of its cgroups: sixteen wait for their next commands (cgroup_tree.cc), and this one has its
  // own.
  const auto cgroups = Run(Root("ls -d /sys/fs/cgroup/execs/exec-* | wc -l"));
  uint64_t count = 0;
  EXPECT_TRUE(absl::SimpleAtoi(cgroups->out, &count));
  EXPECT_LE(count, 17u);
}

// --- The configuration, which is final, so that its guest is of its own ---

TEST(ExecGuestConfigurationTest, IsEnforcedFromTheFirstCallOn) {
  auto guest = GuestSandbox::Boot();
  ASSERT_THAT(guest, IsOk());
  agent::Request request;
  agent::ConfigureRequest& configure = *request.mutable_configure();
  configure.add_allowed_commands("sh");
  configure.add_allowed_commands("/bin/true");
  configure.mutable_limits()->set_memory_bytes(32 << 20);
  configure.mutable_limits()->set_processes(20);
  configure.set_max_timeout_ms(60'000);
  configure.set_forbid_root(true);
  EXPECT_TRUE((*guest)->Ask(request).has_done());
  EXPECT_EQ((*guest)->Ask(request).error().code(), agent::Error::FAILED_PRECONDITION);

  auto command = [](std::initializer_list<std::string> argv) {
    agent::Request call;
    *call.mutable_exec() = GuestSandbox::Command(argv);
    call.mutable_exec()->clear_user();
    return call;
  };
  EXPECT_EQ((*guest)->Ask(command({"/bin/true"})).ended().exit_code(), 0u);
  agent::Request call = command({"ls"});
  EXPECT_EQ((*guest)->Ask(call).error().code(), agent::Error::PERMISSION_DENIED);
  call = command({"sh", "-c", "id"});
  call.mutable_exec()->set_user("root");
  EXPECT_EQ((*guest)->Ask(call).error().code(), agent::Error::PERMISSION_DENIED);
  call = command({"sh", "-c", "tail /dev/zero"});
  EXPECT_EQ((*guest)->Ask(call).ended().reason(), ExecEnded::OUT_OF_MEMORY);
  call.mutable_exec()->mutable_limits()->set_memory_bytes(64 << 20);
  EXPECT_THAT((*guest)->Ask(call).error().message(), HasSubstr("limits.memory_bytes: 67108864 "));
  (*guest)->sandbox().Stop(/*orderly=*/false);
  EXPECT_THAT((*guest)->AwaitEnd(), IsOk());
}

}  // namespace
}  // namespace voidbox

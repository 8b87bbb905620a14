// The agent as PID 1 of a real guest: many commands through one sandbox.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/agent.pb.h"
#include "base/io.h"
#include "base/status_matchers.h"
#include "tests/guest_sandbox.h"
#include "tests/guest_suite.h"
#include "tools/bench/process_usage.h"

namespace voidbox {
namespace {

using agent::ExecEnded;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Exec = GuestSandbox::Exec;

class AgentGuestTest : public GuestSuite {
 protected:
  // Whatever a test did, it leaves nothing.
  void TearDown() override {
    if (guest_ != nullptr && !HasFatalFailure()) ExpectOnlyTheAgent();
  }

  // Sees the end of a process tree: all that hold the write end of a named pipe must be gone first.
  class Watcher {
   public:
    explicit Watcher(const std::string& name) : path_(absl::StrCat("/tmp/", name)) {
      exec_ = guest_->Start(GuestSandbox::Shell(
          absl::StrCat("mkfifo ", path_, " && echo made && cat ", path_, " && rm ", path_)));
      guest_->AwaitOutput(*exec_, "made\n");
    }
    // For a script: what it starts from there on is watched.
    std::string Watched() const { return absl::StrCat("exec 7>", path_, "; "); }
    void AwaitEnd() {
      guest_->Finish(*exec_);
      ExpectExit(*exec_, 0);
    }

   private:
    const std::string path_;
    std::unique_ptr<Exec> exec_;
  };

  static void ExpectExit(const Exec& exec, uint32_t exit_code) {
    ASSERT_TRUE(exec.ended.has_value());
    EXPECT_EQ(exec.ended->reason(), ExecEnded::EXITED) << exec.ended->ShortDebugString();
    EXPECT_EQ(exec.ended->exit_code(), exit_code) << exec.err;
  }

  // The processes of the guest, kernel threads and the asking shell left out: "PID name state".
  static std::vector<std::string> Processes() {
    const auto exec = guest_->Run(
        "for s in /proc/[0-9]*/stat; do read -r line <$s && echo \"$line\"; done 2>/dev/null");
    std::vector<std::string> processes;
    for (const absl::string_view line : absl::StrSplit(exec->out, '\n', absl::SkipEmpty())) {
      // proc(5): pid (name) state ppid ...
      const size_t name_end = line.rfind(')');
      const std::vector<std::string> rest =
          absl::StrSplit(line.substr(name_end + 1), ' ', absl::SkipEmpty());
      uint32_t pid = 0;
      EXPECT_TRUE(absl::SimpleAtoi(line.substr(0, line.find(' ')), &pid)) << line;
      constexpr uint32_t kThreadd = 2;
      if (pid == kThreadd || rest.at(1) == absl::StrCat(kThreadd) || pid == exec->pid) continue;
      // One that sleeps or runs is the same to us; a zombie is not.
      processes.push_back(absl::StrCat(line.substr(0, name_end + 1), rest[0] == "Z" ? " Z" : ""));
    }
    return processes;
  }
  // Waits until no command runs: one that was cancelled ends some time after.
  static void AwaitIdle() {
    agent::Request health;
    health.mutable_health();
    guest_->Await([&] { return guest_->Ask(health).health().running_execs() == 0; });
  }
  // PID 1 may still be about to reap what was just killed; it has as long as anything here.
  static void ExpectOnlyTheAgent() {
    AwaitIdle();
    std::vector<std::string> processes;
    guest_->Await([&] { return (processes = Processes()).size() == 1; });
    EXPECT_THAT(processes, ElementsAre("1 (init)"));
    // The asking command's own.
    const auto cgroups = guest_->Run("cd /sys/fs/cgroup/execs && find . -mindepth 1 -type d");
    EXPECT_EQ(std::count(cgroups->out.begin(), cgroups->out.end(), '\n'), 1) << cgroups->out;
  }
  // The agent's descriptors while one command runs.
  static std::string AgentDescriptors() { return guest_->Run("ls /proc/1/fd | wc -l")->out; }
};

TEST_F(AgentGuestTest, AHundredInARowKeepTheirOutputsApart) {
  for (uint32_t i = 0; i < 100; ++i) {
    const auto exec = guest_->Run(absl::StrCat("echo out ", i, "; echo err ", i, " >&2; exit ", i));
    ASSERT_EQ(exec->out, absl::StrCat("out ", i, "\n"));
    ASSERT_EQ(exec->err, absl::StrCat("err ", i, "\n"));
    ASSERT_NO_FATAL_FAILURE(ExpectExit(*exec, i));
  }
}

TEST_F(AgentGuestTest, SixteenAtOnceKeepTheirOutputsApart) {
  constexpr uint32_t kCount = 16;
  constexpr int kLines = 5000;
  std::vector<std::unique_ptr<Exec>> execs;
  for (uint32_t i = 0; i < kCount; ++i) {
    agent::ExecRequest request = GuestSandbox::Shell(absl::StrCat(
        "read line; yes line-of-", i, " | head -n ", kLines, "; echo \"err $line\" >&2; exit ", i));
    request.set_stdin(true);
    execs.push_back(guest_->Start(request));
  }
  // All run when the first is let go.
  for (const auto& exec : execs) guest_->Await([&] { return exec->pid != 0; });
  agent::Request health;
  health.mutable_health();
  EXPECT_EQ(guest_->Ask(health).health().running_execs(), kCount);
  for (uint32_t i = 0; i < kCount; ++i) execs[i]->SendInput(absl::StrCat("in ", i, "\n"));
  for (uint32_t i = 0; i < kCount; ++i) {
    guest_->Finish(*execs[i]);
    std::string expected;
    for (int n = 0; n < kLines; ++n) absl::StrAppend(&expected, "line-of-", i, "\n");
    EXPECT_TRUE(execs[i]->out == expected) << i << ": " << execs[i]->out.size() << " bytes";
    EXPECT_EQ(execs[i]->err, absl::StrCat("err in ", i, "\n"));
    ExpectExit(*execs[i], i);
  }
}

TEST_F(AgentGuestTest, SixtyFourMebibytesArriveByteForByte) {
  constexpr size_t kBlocks = 64;
  std::string block(1 << 20, '\0');
  uint32_t state = 1;
  for (char& c : block) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  agent::ExecRequest store = GuestSandbox::Shell("cat >/tmp/block");
  store.set_stdin(true);
  const auto stored = guest_->Start(store);
  stored->SendInput(block);
  stored->EndInput();
  guest_->Finish(*stored);
  ExpectExit(*stored, 0);

  // The numbers show a block that is lost or comes twice.
  const auto exec = guest_->Run(absl::StrCat(
      "i=0; while [ $i -lt ", kBlocks,
      " ]; do i=$((i + 1)); echo $i; cat /tmp/block; done; rm /tmp/block; echo end >&2"));
  ExpectExit(*exec, 0);
  EXPECT_EQ(exec->err, "end\n");
  absl::string_view rest = exec->out;
  for (size_t i = 1; i <= kBlocks; ++i) {
    const std::string number = absl::StrCat(i, "\n");
    ASSERT_EQ(rest.substr(0, number.size()), number);
    rest.remove_prefix(number.size());
    ASSERT_TRUE(rest.substr(0, block.size()) == block) << "block " << i;
    rest.remove_prefix(block.size());
  }
  EXPECT_THAT(rest, IsEmpty());
}

TEST_F(AgentGuestTest, NothingOutlivesTheTimeout) {
  const std::map<std::string, std::string> scripts = {
      {"ignores-term", "trap '' TERM INT HUP QUIT; echo ready; sleep 1000; sleep 1000"},
      {"grandchild", "(trap '' TERM; sleep 1000) & echo ready; wait"},
      {"new-session", "setsid sh -c 'trap \"\" TERM; echo ready; sleep 1000' & wait"},
      {"daemon",
       "setsid sh -c 'setsid sh -c \"echo ready; sleep 1000\" </dev/null & exit' & sleep 1000"},
      {"closed", "echo ready; exec sleep 1000 0<&- 1>&- 2>&-"},
      {"stopped", "echo ready; kill -STOP $$"},
      {"busy", "echo ready; while :; do :; done"},
  };
  struct Case {
    std::string name;
    std::unique_ptr<Watcher> watcher;
    std::unique_ptr<Exec> exec;
  };
  std::vector<Case> cases;
  for (const auto& [name, script] : scripts) {
    auto watcher = std::make_unique<Watcher>(name);
    agent::ExecRequest request = GuestSandbox::Shell(watcher->Watched() + script);
    request.set_timeout_ms(10'000);  // enough for all to be ready
    cases.push_back({name, std::move(watcher), guest_->Start(request)});
  }
  for (Case& one : cases) {
    SCOPED_TRACE(one.name);
    guest_->Finish(*one.exec);
    EXPECT_EQ(one.exec->out, "ready\n");
    ASSERT_TRUE(one.exec->ended.has_value());
    EXPECT_EQ(one.exec->ended->reason(), ExecEnded::TIMED_OUT);
    EXPECT_EQ(one.exec->ended->signal(), static_cast<uint32_t>(SIGKILL));
    EXPECT_GE(one.exec->ended->duration_us(), 10'000'000u);
    one.watcher->AwaitEnd();
  }
}

TEST_F(AgentGuestTest, WhatACommandLeavesBehindIsKilledIfAskedForAndDelaysNothing) {
  Watcher watcher("left");
  agent::ExecRequest request =
      GuestSandbox::Shell(watcher.Watched() +
                          "setsid sh -c 'trap \"\" TERM HUP; echo away; sleep 1000' & "
                          "read -r line </dev/null; echo done; exit 3");
  request.set_kill_tree(true);
  const auto exec = guest_->Run(request);
  ExpectExit(*exec, 3);
  EXPECT_THAT(exec->out, HasSubstr("done\n"));
  watcher.AwaitEnd();
}

TEST_F(AgentGuestTest, WhatACommandLeavesBehindGoesOnAndDelaysNothing) {
  Watcher watcher("goes-on");
  const auto exec = guest_->Run(watcher.Watched() +
                                "mkfifo /tmp/go; setsid sh -c 'read -r line </tmp/go; echo late; "
                                "echo $line >/tmp/went' & echo done; exit 3");
  ExpectExit(*exec, 3);
  EXPECT_EQ(exec->out, "done\n");
  guest_->Run("echo on >/tmp/go");
  watcher.AwaitEnd();
  EXPECT_EQ(guest_->Run("cat /tmp/went; rm /tmp/went /tmp/go")->out, "on\n");
}

TEST_F(AgentGuestTest, AMissingCommandIs127AndOneThatCannotRunIs126) {
  const auto missing = guest_->Run(GuestSandbox::Command({"no-such-program"}));
  ASSERT_TRUE(missing->ended.has_value());
  EXPECT_EQ(missing->ended->reason(), ExecEnded::NOT_STARTED);
  EXPECT_EQ(missing->ended->exit_code(), 127u);
  EXPECT_THAT(missing->ended->message(), HasSubstr("no-such-program"));
  const std::map<std::string, std::string> forbidden = {
      {"/etc/passwd", "/etc/passwd: Permission denied"},
      {"/etc", "/etc: Permission denied"},
  };
  for (const auto& [path, message] : forbidden) {
    const auto exec = guest_->Run(GuestSandbox::Command({path}));
    ASSERT_TRUE(exec->ended.has_value());
    EXPECT_EQ(exec->ended->reason(), ExecEnded::NOT_STARTED);
    EXPECT_EQ(exec->ended->exit_code(), 126u);
    EXPECT_EQ(exec->ended->message(), message);
  }
}

TEST_F(AgentGuestTest, HangingUpEndsTheCommand) {
  Watcher watcher("hang-up");
  const auto exec =
      guest_->Start(GuestSandbox::Shell(watcher.Watched() +
                                        "trap '' TERM HUP INT; setsid sleep 1000 & echo ready; "
                                        "sleep 1000; sleep 1000"));
  guest_->AwaitOutput(*exec, "ready\n");
  exec->HangUp();
  watcher.AwaitEnd();
}

TEST_F(AgentGuestTest, HangingUpEndsACommandWhoseOutputNobodyTakes) {
  Watcher watcher("hang-up-full");
  const auto exec = guest_->Start(GuestSandbox::Shell(watcher.Watched() + "yes"));
  guest_->AwaitOutput(*exec, "y\ny\n");
  exec->HangUp();
  watcher.AwaitEnd();
}

TEST_F(AgentGuestTest, SignalsReachTheCommand) {
  agent::ExecRequest request = GuestSandbox::Shell(
      "trap 'echo HUP' HUP; trap 'echo INT' INT; trap 'echo USR1' USR1; "
      "trap 'echo TERM; exit 5' TERM; echo ready; while :; do read -r line; done");
  request.set_stdin(true);  // never sent: the shell waits
  const auto exec = guest_->Start(request);
  guest_->AwaitOutput(*exec, "ready\n");
  const std::vector<std::pair<int, std::string>> signals = {
      {SIGHUP, "HUP\n"}, {SIGINT, "INT\n"}, {SIGUSR1, "USR1\n"}};
  for (const auto& [number, line] : signals) {
    exec->Signal(number);
    guest_->AwaitOutput(*exec, line);
  }
  exec->Signal(SIGTERM);
  guest_->Finish(*exec);
  EXPECT_EQ(exec->out, "ready\nHUP\nINT\nUSR1\nTERM\n");
  ExpectExit(*exec, 5);
}

TEST_F(AgentGuestTest, ASignalThatEndsTheCommandIsTold) {
  for (const int number : {SIGTERM, SIGKILL, SIGSEGV, SIGQUIT}) {
    SCOPED_TRACE(number);
    // Not through a shell: busybox's ignores SIGQUIT until it has started the next program.
    const auto exec = guest_->Start(GuestSandbox::Command({"sleep", "1000"}));
    guest_->Await([&] { return exec->pid != 0 || exec->end.has_value(); });
    exec->Signal(number);
    guest_->Finish(*exec);
    ASSERT_TRUE(exec->ended.has_value());
    EXPECT_EQ(exec->ended->reason(), ExecEnded::SIGNALED);
    EXPECT_EQ(exec->ended->signal(), static_cast<uint32_t>(number));
  }
}

TEST_F(AgentGuestTest, AMemoryHogIsToldAndTheAgentGoesOn) {
  const auto exec = guest_->Run(GuestSandbox::Command({"tail", "/dev/zero"}));
  ASSERT_TRUE(exec->ended.has_value());
  EXPECT_EQ(exec->ended->reason(), ExecEnded::OUT_OF_MEMORY) << exec->ended->ShortDebugString();
  EXPECT_EQ(exec->ended->signal(), static_cast<uint32_t>(SIGKILL));
  const auto child = guest_->Run("tail /dev/zero; echo \"status $?\"; exit 4");
  EXPECT_EQ(child->out, "status 137\n");
  ExpectExit(*child, 4);
}

TEST_F(AgentGuestTest, AFullFileSystemIsAnErrorOfTheCommand) {
  for (const char* directory : {"/tmp", "/dev/shm", "/root"}) {
    const auto exec =
        guest_->Run(absl::StrCat("dd if=/dev/zero of=", directory, "/fill bs=1M; status=$?; rm ",
                                 directory, "/fill; exit $status"));
    ExpectExit(*exec, 1);
    EXPECT_THAT(exec->err, HasSubstr("No space left on device"));
  }
}

TEST_F(AgentGuestTest, NothingIsLeftAfterTwoHundredCommands) {
  guest_->Run("true");
  const std::string descriptors = AgentDescriptors();
  for (int i = 0; i < 200; ++i) {
    switch (i % 8) {
      case 0: {
        agent::ExecRequest request = GuestSandbox::Shell("setsid sleep 1000 & sleep 1000 & exit 1");
        request.set_kill_tree(true);
        guest_->Run(request);
        break;
      }
      case 1:
        guest_->Run(GuestSandbox::Command({"no-such-program"}));
        break;
      case 2: {
        agent::ExecRequest request = GuestSandbox::Command({"sleep", "1000"});
        request.set_timeout_ms(1);
        guest_->Run(request);
        break;
      }
      case 3: {
        const auto exec = guest_->Start(GuestSandbox::Shell("echo ready; sleep 1000"));
        guest_->AwaitOutput(*exec, "ready\n");
        exec->HangUp();
        break;
      }
      case 4:
        guest_->Run("(true &) ; kill -KILL $$");
        break;
      case 5: {
        agent::ExecRequest request = GuestSandbox::Command({"cat"});
        request.set_stdin(true);
        const auto exec = guest_->Start(request);
        exec->SendInput("in");
        exec->EndInput();
        guest_->Finish(*exec);
        EXPECT_EQ(exec->out, "in");
        break;
      }
      default:
        EXPECT_EQ(guest_->Run(absl::StrCat("echo ", i))->out, absl::StrCat(i, "\n"));
    }
    if (HasFailure()) return;
  }
  AwaitIdle();
  EXPECT_EQ(AgentDescriptors(), descriptors);
  ExpectOnlyTheAgent();
}

TEST_F(AgentGuestTest, TheSystemIsWhatProgramsExpect) {
  const auto exec = guest_->Run(R"sh(
    hostname
    ip link show lo | grep -c 'UP,LOWER_UP'
    awk '$2 ~ "^/(proc|sys|dev|dev/pts|dev/shm|tmp|run|sys/fs/cgroup)$" {print $2, $3}' /proc/mounts | sort
    for link in fd stdin stdout stderr; do readlink /dev/$link; done
    cat /proc/1/comm
    ls -ld /tmp | cut -c1-10)sh");
  EXPECT_EQ(exec->out,
            "voidbox\n1\n"
            "/dev devtmpfs\n/dev/pts devpts\n/dev/shm tmpfs\n/proc proc\n/run tmpfs\n/sys sysfs\n"
            "/sys/fs/cgroup cgroup2\n/tmp tmpfs\n"
            "/proc/self/fd\n/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2\n"
            "init\ndrwxrwxrwt\n")
      << exec->err;
}

TEST(AgentGuestMemoryTest, TheVmmOfAnIdleGuestIsSmall) {
  auto guest = GuestSandbox::Boot();
  ASSERT_THAT(guest, IsOk());
  ASSERT_EQ((*guest)->Run("true")->error, "");
  // What only the start needed goes back some time after it; longest on a slow machine. Commands
  // would bring their part of it again.
  const absl::Time deadline = absl::Now() + absl::Minutes(1);
  for (;;) {
    const auto memory =
        bench::ReadVmmMemory((*guest)->sandbox().vmm_pid(), GuestSandbox::kMemoryBytes);
    ASSERT_THAT(memory, IsOk());
    if (memory->resident <= 2 << 20 && memory->private_ <= 1 << 20) break;
    ASSERT_LT(absl::Now(), deadline)
        << memory->resident << " bytes resident, " << memory->private_ << " private";
    absl::SleepFor(absl::Milliseconds(50));
  }
}

TEST(AgentGuestShutdownTest, AShutdownEndsWhatRunsAndTheMachine) {
  auto guest = GuestSandbox::Boot();
  ASSERT_THAT(guest, IsOk());
  const auto exec = (*guest)->Start(GuestSandbox::Shell("trap '' TERM; echo ready; sleep 1000"));
  (*guest)->AwaitOutput(*exec, "ready\n");
  agent::Request shutdown;
  shutdown.mutable_shutdown();
  EXPECT_TRUE((*guest)->Ask(shutdown).has_shutdown());
  EXPECT_THAT((*guest)->AwaitEnd(),
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("the guest powered off or reset its machine, while it ran")));
  EXPECT_FALSE(exec->ended.has_value());
}

TEST(AgentGuestShutdownTest, AnOrderlyStopWritesWhatTheGuestHasNotYetWritten) {
  const std::string path = absl::StrCat(::testing::TempDir(), "/disk.img");
  const std::string text = "not yet on the disk";
  ASSERT_THAT(WriteFileAtomically(path, std::string(1 << 20, '\0')), IsOk());
  auto guest = GuestSandbox::Boot([&](Sandbox::Options& options) {
    options.disks.push_back({.path = path, .read_only = false});
  });
  ASSERT_THAT(guest, IsOk());
  // The last one to close the disk would write it.
  const auto exec = (*guest)->Start(GuestSandbox::Shell(
      absl::StrCat("exec 7>/dev/vda; printf '", text, "' >&7; echo ready; sleep 1000")));
  (*guest)->AwaitOutput(*exec, "ready\n");
  (*guest)->sandbox().Stop(/*orderly=*/true);
  EXPECT_THAT((*guest)->AwaitEnd(), IsOk());
  EXPECT_EQ(ReadFile(path)->substr(0, text.size()), text);
}

}  // namespace
}  // namespace voidbox

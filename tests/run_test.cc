// What a user gets of `voidbox run`, on a machine with KVM or through the emulated host.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/io.h"
#include "base/status_matchers.h"
#include "base/unique_fd.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sandbox/child_process.h"
#include "tests/run_fixture.h"
#include "tests/voidbox_process.h"

namespace voidbox {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using Result = VoidboxProcess::Result;

class RunTest : public RunFixture {};

TEST_F(RunTest, GivesOutputAndExitStatus) {
  const Result result = Shell("echo hello | tr a-z A-Z; echo oops >&2; exit 7");
  EXPECT_EQ(result.exit_status, 7);
  EXPECT_EQ(result.output, "HELLO\n");
  EXPECT_THAT(result.error, HasSubstr("oops\n"));
  ExpectNothingLeft();
}

TEST_F(RunTest, StreamsInputToItsEnd) {
  const Result result = RunVoidbox({"run", "--", "cat"}, "a\nb\n");
  EXPECT_EQ(result.exit_status, 0) << result.error;
  EXPECT_EQ(result.output, "a\nb\n");
}

TEST_F(RunTest, PassesEveryByteBothWays) {
  std::string bytes(3 << 20, '\0');
  uint32_t state = 1;
  for (char& c : bytes) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  const Result result = RunVoidbox({"run", "--", "cat"}, bytes);
  EXPECT_EQ(result.exit_status, 0) << result.error;
  EXPECT_TRUE(result.output == bytes) << result.output.size() << " bytes came back";
}

TEST_F(RunTest, OutputComesWhileTheCommandRuns) {
  VoidboxProcess process({"run", "--", "sh", "-c", "echo first; read line; echo got $line"}, "",
                         /*close_input=*/false);
  EXPECT_TRUE(process.WaitForOutput("first\n"));
  process.WriteInput("second\n");
  EXPECT_EQ(process.Finish().output, "first\ngot second\n");
}

TEST_F(RunTest, GivesTheGuestItsCpusAndMemory) {
  const Result result = RunVoidbox({"run", "--cpus", "2", "--memory", "256M", "--timeout", "60s",
                                    "--", "sh", "-c", "nproc; grep MemTotal /proc/meminfo"});
  EXPECT_EQ(result.exit_status, 0) << result.error;
  EXPECT_EQ(result.output.substr(0, 2), "2\n");
  const int kib = std::atoi(result.output.substr(result.output.find(':') + 1).c_str());
  EXPECT_GT(kib, 200 << 10);
  EXPECT_LE(kib, 256 << 10);
}

TEST_F(RunTest, SetsEnvironmentAndDirectory) {
  ::setenv("VOIDBOX_RUN_TEST", "passed on", 1);
  const Result result = RunVoidbox({"run", "-e", "A=b c", "-e", "VOIDBOX_RUN_TEST", "-w", "/tmp",
                                    "--", "sh", "-c", "echo \"$A/$VOIDBOX_RUN_TEST/$PWD\""});
  EXPECT_EQ(result.output, "b c/passed on//tmp\n") << result.error;
}

TEST_F(RunTest, EndsTheCommandWhenItsTimeIsUp) {
  const Result result = RunVoidbox(
      {"run", "--timeout", "1s", "--", "sh", "-c", "trap '' TERM; echo on; sleep 1000 & wait"});
  EXPECT_EQ(result.exit_status, 124);
  EXPECT_EQ(result.output, "on\n");
  EXPECT_THAT(result.error, HasSubstr("its time was up"));
  ExpectNothingLeft();
}

TEST_F(RunTest, TellsCommandsThatCannotStart) {
  const Result missing = RunVoidbox({"run", "--", "no-such-program"});
  EXPECT_EQ(missing.exit_status, 127);
  EXPECT_THAT(missing.error, HasSubstr("no-such-program"));
  const Result forbidden = RunVoidbox({"run", "--", "/etc/passwd"});
  EXPECT_EQ(forbidden.exit_status, 126);
  EXPECT_THAT(forbidden.error, HasSubstr("/etc/passwd"));
}

TEST_F(RunTest, EndsAsTheCommandDoes) {
  EXPECT_EQ(Shell("kill -TERM $$").exit_status, 128 + SIGTERM);
  EXPECT_EQ(Shell("kill -SEGV $$").exit_status, 128 + SIGSEGV);
}

TEST_F(RunTest, ForwardsSignals) {
  VoidboxProcess process(
      {"run", "--", "sh", "-c",
       "trap 'echo INT' INT; trap 'echo HUP' HUP; trap 'echo QUIT' QUIT; trap 'echo TERM; exit 5' "
       "TERM; echo ready; while :; do sleep 0.1; done"});
  ASSERT_TRUE(process.WaitForOutput("ready\n"));
  process.Signal(SIGINT);
  EXPECT_TRUE(process.WaitForOutput("INT\n"));
  process.Signal(SIGHUP);
  EXPECT_TRUE(process.WaitForOutput("HUP\n"));
  process.Signal(SIGQUIT);
  EXPECT_TRUE(process.WaitForOutput("QUIT\n"));
  process.Signal(SIGTERM);
  EXPECT_EQ(process.Finish().exit_status, 5);
  ExpectNothingLeft();
}

TEST_F(RunTest, ASecondInterruptEndsTheSandbox) {
  VoidboxProcess process({"run", "--", "sh", "-c",
                          "trap 'echo once' INT; echo ready; "
                          "while :; do sleep 0.1; done"});
  ASSERT_TRUE(process.WaitForOutput("ready\n"));
  process.Signal(SIGINT);
  ASSERT_TRUE(process.WaitForOutput("once\n"));
  process.Signal(SIGINT);
  EXPECT_EQ(process.Finish().exit_status, 128 + SIGINT);
  ExpectNothingLeft();
}

TEST_F(RunTest, LeavesNothingWhenItIsEndedWhileItsGuestBoots) {
  for (const int signal : {SIGTERM, SIGKILL}) {
    VoidboxProcess run({"run", "--console", "--", "sleep", "1000"});
    ASSERT_TRUE(run.WaitForError("Linux version")) << "its kernel starts";
    run.Signal(signal);
    EXPECT_EQ(run.Finish().exit_status, 128 + signal);
    ExpectNothingLeft();
  }
}

TEST_F(RunTest, EndsWhenNobodyReadsItsOutput) {
  VoidboxProcess process({"run", "--", "yes"});
  ASSERT_TRUE(process.WaitForOutput("y\n"));
  process.CloseOutput();
  EXPECT_EQ(process.Finish().exit_status, 128 + SIGPIPE);
  ExpectNothingLeft();
}

TEST_F(RunTest, ServesSeveralCommandsAtOnce) {
  std::vector<std::unique_ptr<VoidboxProcess>> processes;
  for (int i = 0; i < 4; ++i) {
    processes.push_back(std::make_unique<VoidboxProcess>(
        std::vector<std::string>{
            "run", "--memory", "128M", "--", "sh", "-c",
            "cat; echo out " + std::to_string(i) + "; exit " + std::to_string(i)},
        "in " + std::to_string(i) + "\n"));
  }
  for (int i = 0; i < 4; ++i) {
    const Result result = processes[static_cast<size_t>(i)]->Finish();
    EXPECT_EQ(result.exit_status, i) << result.error;
    EXPECT_EQ(result.output, "in " + std::to_string(i) + "\nout " + std::to_string(i) + "\n");
  }
  ExpectNothingLeft();
}

TEST_F(RunTest, GivesTheGuestMemoryAboveThe32BitHole) {
  // Addresses are dear, pages are not: this is more than the emulated host has.
  const Result result = RunVoidbox({"run", "--user", "root", "--memory", "5G", "--", "sh", "-c",
                                    "grep MemTotal /proc/meminfo; grep 'System RAM' /proc/iomem"});
  EXPECT_EQ(result.exit_status, 0) << result.error;
  const int64_t kib = std::atoll(result.output.substr(result.output.find(':') + 1).c_str());
  EXPECT_GT(kib, 4900ll << 10);
  EXPECT_LE(kib, 5120ll << 10);
  EXPECT_THAT(result.output, HasSubstr("100000000-17fffffff : System RAM\n"));
}

TEST_F(RunTest, ShowsTheConsoleOnStandardErrorWhenAskedTo) {
  const Result result = RunVoidbox({"run", "--console", "--", "echo", "hello"});
  EXPECT_EQ(result.exit_status, 0);
  EXPECT_EQ(result.output, "hello\n");
  EXPECT_THAT(result.error, AllOf(HasSubstr("Linux version "), HasSubstr("Command line: "),
                                  HasSubstr("Run /init as init process")));
  const Result quiet = RunVoidbox({"run", "--", "echo", "hello"});
  EXPECT_EQ(quiet.output, "hello\n");
  EXPECT_THAT(quiet.error, Not(HasSubstr("Linux version ")));
}

// The other names of BusyBox are made by the agent, which does not run here.
TEST_F(RunTest, JoinsTheConsoleWhenThereIsNoCommand) {
  VoidboxProcess run({"run", "--console", "--cmdline", "rdinit=/bin/sh"}, "",
                     /*close_input=*/false);
  ASSERT_TRUE(run.WaitForError(" # ")) << "the prompt of a shell";
  run.WriteInput("echo $((6 * 7)) is the answer\n");
  ASSERT_TRUE(run.WaitForError("42 is the answer"));
  run.WriteInput("busybox reboot -f\n");
  const Result result = run.Finish();
  EXPECT_EQ(result.exit_status, 0) << result.error;
  EXPECT_THAT(result.output, IsEmpty());
  ExpectNothingLeft();
}

TEST_F(RunTest, ASignalOrItsTimeEndsAGuestWithoutACommand) {
  VoidboxProcess run({"run", "--console", "--cmdline", "rdinit=/bin/sh"}, "",
                     /*close_input=*/false);
  ASSERT_TRUE(run.WaitForError("Linux version"));
  run.Signal(SIGINT);
  EXPECT_EQ(run.Finish().exit_status, 128 + SIGINT);
  const Result result = RunVoidbox({"run", "--console", "--timeout", "1s"});
  EXPECT_EQ(result.exit_status, 124);
  EXPECT_THAT(result.error, HasSubstr("its time was up"));
  ExpectNothingLeft();
}

// Debian's vmlinuz, a bzImage, has the virtio drivers as modules, which our initramfs lacks: it
// comes as far as the agent. distribution_kernel_test has it with them.
TEST_F(RunTest, BootsDebiansOwnKernelToItsConsoleAndInit) {
  const std::string kernel = std::filesystem::canonical(std::string(std::getenv("TEST_SRCDIR")) +
                                                        "/debian_linux_image/vmlinuz");
  // The later loglevel counts; the fewer characters, the sooner it is there. What the agent says on
  // the console is the kernel's word: ours has AF_VSOCK.
  const Result result =
      RunVoidbox({"run", "--kernel", kernel, "--console", "--cmdline", "loglevel=2", "--", "true"});
  EXPECT_EQ(result.exit_status, 125);
  EXPECT_THAT(result.output, IsEmpty());
  EXPECT_THAT(result.error, AllOf(HasSubstr("while its init started"),
                                  HasSubstr("the agent ends: socket(AF_VSOCK): ")));
  ExpectNothingLeft();
}

TEST_F(RunTest, AppendsWordsToTheKernelCommandLine) {
  const Result result =
      RunVoidbox({"run", "--cmdline", "voidbox.test=1 other", "--", "cat", "/proc/cmdline"});
  EXPECT_THAT(result.output, AllOf(HasSubstr("console=ttyS0"), HasSubstr(" voidbox.test=1 other")));
}

TEST_F(RunTest, SaysHowFarAGuestCameThatDiesBeforeItIsReady) {
  const std::string path = home_ + "/no_initramfs";
  // A magic number of gzip, and nothing that could be decompressed.
  ASSERT_THAT(WriteFileAtomically(path, "\x1f\x8b" + std::string(4096, 'x')), IsOk());
  const Result result = RunVoidbox({"run", "--initramfs", path, "--", "true"});
  EXPECT_EQ(result.exit_status, 125);
  EXPECT_THAT(result.output, IsEmpty());
  EXPECT_THAT(result.error, AllOf(HasSubstr("before it started /init of the initramfs " + path),
                                  HasSubstr("while its kernel started"),
                                  HasSubstr("last console lines"), HasSubstr("Kernel panic")));
  ExpectNothingLeft();
}

TEST_F(RunTest, RefusesWhatIsNotAKernel) {
  const Result result = RunVoidbox({"run", "--kernel", "/bin/sh", "--", "true"});
  EXPECT_EQ(result.exit_status, 125);
  EXPECT_THAT(result.error, HasSubstr("/bin/sh"));
  ExpectNothingLeft();
}

TEST_F(RunTest, RefusesATruncatedInitramfs) {
  const std::string path = home_ + "/truncated.cpio";
  ASSERT_THAT(WriteFileAtomically(path, "070701" + std::string(50, '0')), IsOk());
  const Result result = RunVoidbox({"run", "--initramfs", path, "--", "true"});
  EXPECT_EQ(result.exit_status, 125);
  EXPECT_THAT(result.error, HasSubstr("truncated.cpio: the cpio entry at byte 0 goes on behind the "
                                      "file's 56 bytes: the file is truncated"));
  ExpectNothingLeft();
}

TEST_F(RunTest, RefusesBadFlagsBeforeAnythingStarts) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"run"}, "no command"},
      {{"run", "--"}, "no command"},
      {{"run", "--bogus", "--", "true"}, "--bogus"},
      {{"run", "--cpus", "0", "--", "true"}, "between 1 and 32"},
      {{"run", "--cpus", "33", "--", "true"}, "between 1 and 32"},
      {{"run", "--memory", "lots", "--", "true"}, "lots"},
      {{"run", "--memory", "1M", "--", "true"}, "between"},
      {{"run", "--timeout", "soon", "--", "true"}, "soon"},
      {{"run", "--kernel", "/nonexistent", "--", "true"}, "kernel /nonexistent"},
      {{"run", "--initramfs", "/nonexistent", "--", "true"}, "initramfs /nonexistent"},
      {{"run", "--disk", "/nonexistent,ro", "--", "true"}, "disk /nonexistent"},
      {{"run", "-e", "=x", "--", "true"}, "no name"},
      {{"run", "-w", "here", "--", "true"}, "not absolute"},
      {{"run", "--kvm-host", "moon", "--", "true"}, "moon"},
      {{"bogus"}, "bogus"},
      {{}, "ubcommand"},
  };
  for (const auto& [arguments, expected] : cases) {
    const Result result = RunVoidbox(arguments);
    EXPECT_EQ(result.exit_status, 125) << expected;
    EXPECT_THAT(result.output, IsEmpty());
    EXPECT_THAT(result.error, AllOf(HasSubstr(expected), HasSubstr("voidbox: error: ")));
  }
}

TEST_F(RunTest, ReadsADiskThatMayNotBeWritten) {
  const std::string path = home_ + "/disk.img";
  std::string contents(64 << 10, 'd');
  contents.replace(0, 5, "hello");
  ASSERT_THAT(WriteFileAtomically(path, contents), IsOk());
  const Result result =
      RunVoidbox({"run", "--user", "root", "--disk", path + ",ro", "--", "sh", "-c",
                  "wc -c </dev/vda; head -c 5 /dev/vda; echo x >/dev/vda || echo; echo refused"});
  EXPECT_EQ(result.output, "65536\nhello\nrefused\n") << result.error;
  EXPECT_TRUE(*ReadFile(path) == contents);
}

TEST_F(RunTest, WritesToADiskReachTheFile) {
  const std::string path = home_ + "/writable.img";
  ASSERT_THAT(WriteFileAtomically(path, std::string(64 << 10, 'd')), IsOk());
  const Result result =
      RunVoidbox({"run", "--user", "root", "--disk", path, "--", "sh", "-c",
                  "echo written | dd of=/dev/vda bs=512 seek=2 conv=notrunc 2>/dev/null"});
  EXPECT_EQ(result.exit_status, 0) << result.error;
  EXPECT_EQ(ReadFile(path)->substr(1024, 8), "written\n");
}

// Wherever it is, and though it be by a link: what a guest writes is in the machine's file.
TEST_F(RunTest, WritesToADiskAnywhereReachTheFile) {
  const std::string elsewhere = ::testing::TempDir() + "/anywhere.img";
  const std::string in_memory = "/dev/shm/voidbox_run_test." + std::to_string(::getpid());
  const std::string link = ::testing::TempDir() + "/link.img";
  std::filesystem::remove(link);
  std::filesystem::create_symlink(in_memory, link);
  for (const std::string& path : {elsewhere, in_memory, link}) {
    ASSERT_THAT(WriteFileAtomically(std::filesystem::weakly_canonical(path).string(),
                                    std::string(64 << 10, 'd'), 0600),
                IsOk());
    const Result result =
        RunVoidbox({"run", "--user", "root", "--disk", path, "--", "sh", "-c",
                    "echo written | dd of=/dev/vda bs=512 seek=2 conv=notrunc 2>/dev/null"});
    EXPECT_EQ(result.exit_status, 0) << result.error;
    EXPECT_EQ(ReadFile(path)->substr(1024, 8), "written\n") << path;
    EXPECT_EQ(ReadFile(path)->size(), 64u << 10);
  }
  const Result read =
      RunVoidbox({"run", "--user", "root", "--disk", in_memory + ",ro", "--", "sh", "-c",
                  "dd if=/dev/vda bs=512 skip=2 count=1 2>/dev/null | head -n 1"});
  EXPECT_EQ(read.output, "written\n") << read.error;
  std::filesystem::remove(in_memory);
}

TEST_F(RunTest, ADiskIsWrittenByOneSandboxAtATime) {
  const std::string path = ::testing::TempDir() + "/locked.img";
  ASSERT_THAT(WriteFileAtomically(path, std::string(64 << 10, 'd')), IsOk());
  VoidboxProcess first(
      {"run", "--user", "root", "--disk", path, "--", "sh", "-c", "echo ready; read line"}, "",
      /*close_input=*/false);
  ASSERT_TRUE(first.WaitForOutput("ready\n"));
  for (const char* how : {"", ",ro"}) {
    const Result second = RunVoidbox({"run", "--disk", path + how, "--", "true"});
    EXPECT_EQ(second.exit_status, 125);
    EXPECT_THAT(second.error, HasSubstr("in use by another process"));
  }
  first.WriteInput("\n");
  EXPECT_EQ(first.Finish().exit_status, 0);
}

// What is killed leaves nothing, and the next command works.

TEST_F(RunTest, SurvivesTheKillOfTheCommandLine) {
  {
    VoidboxProcess process({"run", "--", "sh", "-c", "echo ready; sleep 1000"});
    ASSERT_TRUE(process.WaitForOutput("ready\n"));
    process.Signal(SIGKILL);
    EXPECT_EQ(process.Finish().exit_status, 128 + SIGKILL);
  }
  ExpectNothingLeft();
  EXPECT_EQ(Shell("exit 3").exit_status, 3);
}

TEST_F(RunTest, SurvivesTheKillOfTheVmm) {
  VoidboxProcess process({"run", "--", "sh", "-c", "echo ready; sleep 1000"});
  ASSERT_TRUE(process.WaitForOutput("ready\n"));
  OnHost(
      "for p in /proc/[0-9]*; do "
      "[ \"$(cat $p/comm)\" = voidbox-vmm ] && kill -9 ${p#/proc/}; done; true");
  const Result result = process.Finish();
  EXPECT_EQ(result.exit_status, 125);
  EXPECT_THAT(result.error, HasSubstr("signal 9"));
  ExpectNothingLeft();
  EXPECT_EQ(Shell("exit 3").exit_status, 3);
}

// What `run -d` starts, the emulated host among it, holds nothing of whom it was started by.
TEST_F(RunTest, TheCallersLockAndDirectoryAreFreeWhenADetachedRunHasReturned) {
  ASSERT_EQ(RunVoidbox({"host", "stop"}).exit_status, 0);  // so that the command starts it
  const std::string directory = ::testing::TempDir() + "/callers";
  std::filesystem::create_directories(directory);
  ::setenv("VOIDBOX_OF_TEST", VoidboxPath().c_str(), 1);
  auto caller = ChildProcess::Spawn({.argv = {"/bin/bash", "-c", R"sh(
      directory=$(pwd -P)
      exec 9> lock && flock 9
      "$VOIDBOX_OF_TEST" run -d --name left --memory 128M > id || exit 10
      exec 9>&- && flock -n lock true || exit 11
      cd /
      for process in /proc/[0-9]*; do
        [[ $(readlink $process/cwd) != "$directory" ]] || { tr '\0' ' ' < $process/cmdline; exit 12; }
      done >&2)sh"},
                                     .directory = directory});
  ASSERT_THAT(caller, IsOk());
  const auto status = caller->Wait();
  EXPECT_EQ(RunVoidbox({"rm", "-f", "left"}).exit_status, 0);
  ASSERT_THAT(status, IsOk());
  EXPECT_EQ(WEXITSTATUS(*status), 0)
      << "10: run failed, 11: the lock is held, 12: the directory is in use";
}

}  // namespace
}  // namespace voidbox

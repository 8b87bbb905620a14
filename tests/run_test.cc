// What a user gets of `voidbox run`, on a machine with KVM or through the emulated host.
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/io.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "tests/voidbox_process.h"

namespace voidbox {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using Result = VoidboxProcess::Result;

class RunTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    home_ = UseOwnHome();
    const Result doctor = RunVoidbox({"doctor", "--format", "json"});
    ASSERT_EQ(doctor.exit_status, 0) << doctor.output << doctor.error;
    emulated_ = nlohmann::json::parse(doctor.output).at("kvm_host") == "emulated";
  }
  static void TearDownTestSuite() { StopOwnHost(); }

  static Result Shell(const std::string& script, const std::string& input = "") {
    return RunVoidbox({"run", "--", "sh", "-c", script}, input);
  }
  // A shell script on the machine whose KVM is used.
  static Result OnHost(const std::string& script) {
    if (emulated_) return RunVoidbox({"host", "exec", "--", "sh", "-c", script});
    Result result;
    auto child = ChildProcess::Spawn({.argv = {"/bin/sh", "-c", script}});
    EXPECT_THAT(child, IsOk());
    result.exit_status = *child->Wait() >> 8;
    return result;
  }
  static nlohmann::json HostStatus() {
    return nlohmann::json::parse(RunVoidbox({"host", "status", "--format", "json"}).output);
  }
  // Waits until no VMM runs, which the test's deadline bounds. What a killed owner left of its
  // sandbox is gone once somebody has asked which sandboxes there are.
  static void ExpectNothingLeft() {
    const Result result = OnHost(R"sh(
      vmms() { cat /proc/[0-9]*/comm 2>/dev/null | grep -c '^voidbox-vmm$'; }
      while [ "$(vmms)" != 0 ]; do sleep 0.1; done)sh");
    EXPECT_EQ(result.exit_status, 0) << result.error;
    EXPECT_EQ(RunVoidbox({"ps", "-q"}).output, "");
    EXPECT_EQ(OnHost("ls \"$VOIDBOX_HOME/sandboxes\"").output, "");
  }

  static std::string home_;
  static bool emulated_;
};
std::string RunTest::home_;
bool RunTest::emulated_ = false;

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
  EXPECT_THAT(result.error, AllOf(HasSubstr("while its kernel started"),
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

class EmulatedHostTest : public RunTest {
 protected:
  // These are about the emulated host, whether or not this machine needs it.
  void SetUp() override {
    ::setenv("VOIDBOX_KVM_HOST", "emulated", 1);
    ASSERT_EQ(RunVoidbox({"host", "start"}).exit_status, 0);
  }
  void TearDown() override { ::unsetenv("VOIDBOX_KVM_HOST"); }

  void SurvivesTheKillOf(const char* which) {
    VoidboxProcess process({"host", "exec", "--", "sh", "-c", "echo ready; sleep 1000"});
    ASSERT_TRUE(process.WaitForOutput("ready\n"));
    const nlohmann::json before = HostStatus();
    ASSERT_EQ(::kill(before.at(which).get<pid_t>(), SIGKILL), 0);
    const Result result = process.Finish();
    EXPECT_EQ(result.exit_status, 125);
    EXPECT_THAT(result.error, HasSubstr("emulated KVM host"));
    const Result next = RunVoidbox({"host", "exec", "--", "sh", "-c", "exit 3"});
    EXPECT_EQ(next.exit_status, 3) << next.error;
    const nlohmann::json after = HostStatus();
    EXPECT_NE(after.at("qemu_pid"), before.at("qemu_pid"));
    EXPECT_FALSE(std::filesystem::exists("/proc/" + before.at("qemu_pid").dump()));
    EXPECT_FALSE(std::filesystem::exists("/proc/" + before.at("broker_pid").dump()));
  }
};

TEST_F(EmulatedHostTest, SurvivesTheKillOfQemu) { SurvivesTheKillOf("qemu_pid"); }

TEST_F(EmulatedHostTest, SurvivesTheKillOfTheBroker) { SurvivesTheKillOf("broker_pid"); }

TEST_F(EmulatedHostTest, RunsCommandsAsIfTheyRanHere) {
  ::setenv("VOIDBOX_RUN_TEST", "a b", 1);
  const Result result = RunVoidbox({"host", "exec", "--", "sh", "-c",
                                    "cat; pwd; echo \"$VOIDBOX_RUN_TEST\"; echo e >&2; exit 9"},
                                   "in\n");
  EXPECT_EQ(result.exit_status, 9);
  EXPECT_EQ(result.output, "in\n" + std::filesystem::current_path().string() + "\na b\n");
  EXPECT_EQ(result.error, "e\n");
}

TEST_F(EmulatedHostTest, SeesFilesThatWereRewrittenAndReplaced) {
  const std::string directory = ::testing::TempDir() + "/seen";
  std::filesystem::create_directories(directory);
  const std::string path = directory + "/file";
  const auto seen = [&] {
    return RunVoidbox({"host", "exec", "--", "sh", "-c", "cat " + directory + "/*"}).output;
  };
  ASSERT_THAT(WriteFileAtomically(path, "one"), IsOk());
  EXPECT_EQ(seen(), "one");
  ASSERT_THAT(WriteFileAtomically(path, "two, longer"), IsOk());  // another inode
  EXPECT_EQ(seen(), "two, longer");
  {
    const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));
    ASSERT_THAT(WriteAll(fd.get(), "three"), IsOk());  // the same inode
  }
  EXPECT_EQ(seen(), "three");
  ASSERT_THAT(WriteFileAtomically(directory + "/new", "+"), IsOk());
  EXPECT_EQ(seen(), "three+");
  std::filesystem::remove(path);
  EXPECT_EQ(seen(), "+");
}

TEST_F(EmulatedHostTest, WritesToVoidboxHomeAreTheMachinesOwnAndOthersAreNot) {
  const std::string outside = ::testing::TempDir() + "/outside";
  const Result result = RunVoidbox(
      {"host", "exec", "--", "sh", "-c", "echo in >$VOIDBOX_HOME/written; echo x >" + outside});
  EXPECT_EQ(result.exit_status, 0) << result.error;
  EXPECT_EQ(*ReadFile(home_ + "/written"), "in\n");
  EXPECT_FALSE(std::filesystem::exists(outside));
}

TEST_F(EmulatedHostTest, RefusesFilesThatItCannotOpen) {
  const Result device = RunVoidbox({"run", "--kernel", "/dev/null", "--", "true"});
  EXPECT_EQ(device.exit_status, 125);
  EXPECT_THAT(device.error, HasSubstr("kernel /dev/null: not a regular file"));
  const Result disk = RunVoidbox({"run", "--disk", "/proc/version,ro", "--", "true"});
  EXPECT_EQ(disk.exit_status, 125);
  EXPECT_THAT(disk.error, HasSubstr("disk /proc/version: not a regular file"));
}

TEST_F(EmulatedHostTest, TheMachinesWritableRootIsPrivate) {
  const Result result =
      RunVoidbox({"host", "exec", "--", "stat", "-c", "%a %u", "/run/voidbox-machine"});
  EXPECT_EQ(result.output, "700 0\n") << result.error;
}

TEST_F(EmulatedHostTest, StopEndsItAndWhatRunsInIt) {
  VoidboxProcess process({"host", "exec", "--", "sh", "-c", "echo ready; sleep 1000"});
  ASSERT_TRUE(process.WaitForOutput("ready\n"));
  const nlohmann::json before = HostStatus();
  EXPECT_EQ(RunVoidbox({"host", "stop"}).exit_status, 0);
  EXPECT_EQ(process.Finish().exit_status, 125);
  EXPECT_EQ(HostStatus().at("running"), false);
  EXPECT_FALSE(std::filesystem::exists("/proc/" + before.at("qemu_pid").dump()));
  EXPECT_FALSE(std::filesystem::exists(home_ + "/host/host.sock"));
}

TEST_F(EmulatedHostTest, TwoFirstCommandsStartOneHost) {
  ASSERT_EQ(RunVoidbox({"host", "stop"}).exit_status, 0);
  VoidboxProcess one({"host", "exec", "--", "cat", "/proc/sys/kernel/random/boot_id"});
  VoidboxProcess two({"host", "exec", "--", "cat", "/proc/sys/kernel/random/boot_id"});
  const Result first = one.Finish();
  EXPECT_EQ(first.exit_status, 0) << first.error;
  EXPECT_THAT(first.output, Not(IsEmpty()));
  EXPECT_EQ(two.Finish().output, first.output);
}

TEST_F(EmulatedHostTest, EndsWhenNothingRunsForSomeTime) {
  ASSERT_EQ(RunVoidbox({"host", "stop"}).exit_status, 0);
  ::setenv("VOIDBOX_HOST_IDLE", "1", 1);
  ASSERT_EQ(RunVoidbox({"host", "start"}).exit_status, 0);
  ::setenv("VOIDBOX_HOST_IDLE", "300", 1);
  // The lock is the broker's while it lives.
  const UniqueFd lock(::open((home_ + "/host/lock").c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_TRUE(lock);
  EXPECT_EQ(::flock(lock.get(), LOCK_EX), 0);
  EXPECT_EQ(HostStatus().at("running"), false);
}

}  // namespace
}  // namespace voidbox

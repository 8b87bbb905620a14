// The emulated KVM host, as a user meets it, whether or not this machine needs it.
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/types.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "base/io.h"
#include "base/status_matchers.h"
#include "base/unique_fd.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/run_fixture.h"
#include "tests/voidbox_process.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using Result = VoidboxProcess::Result;

class EmulatedHostTest : public RunFixture {
 protected:
  void SetUp() override {
    ::setenv("VOIDBOX_KVM_HOST", "emulated", 1);
    ASSERT_EQ(RunVoidbox({"host", "start"}).exit_status, 0);
  }
  static nlohmann::json HostStatus() {
    return nlohmann::json::parse(RunVoidbox({"host", "status", "--format", "json"}).output);
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

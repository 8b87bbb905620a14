// What a user gets of `voidbox run --rootfs`, on a machine with KVM or through the emulated host.
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "base/io.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "tests/test_rootfs.h"
#include "tests/voidbox_process.h"

namespace voidbox {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using Result = VoidboxProcess::Result;

class RootfsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    home_ = UseOwnHome();
    MakeTestRootfs({.path = base(), .agent = agent()});
    digest_ = Digest();
    ASSERT_EQ(digest_.size(), 64);
  }
  static void TearDownTestSuite() { StopOwnHost(); }
  // Whatever a test did, the base is as it was.
  void TearDown() override { EXPECT_EQ(Digest(), digest_); }

  static std::string agent() {
    return std::string(std::getenv("TEST_SRCDIR")) + "/voidbox/agent/guest-agent";
  }
  static std::string base() { return home_ + "/base.ext4"; }
  static std::string overlay() { return home_ + "/kept.overlay"; }
  static std::string Digest() {
    std::string output;
    EXPECT_EQ(RunProgram({"/usr/bin/sha256sum", base()}, &output), 0);
    return output.substr(0, output.find(' '));
  }
  static Result Run(std::vector<std::string> flags, const std::string& script) {
    flags.insert(flags.begin(), {"run", "--user", "root", "--rootfs", base()});
    flags.insert(flags.end(), {"--", "sh", "-c", script});
    return RunVoidbox(flags);
  }
  static uint64_t AllocatedBytes(const std::string& path) {
    struct stat status = {};
    EXPECT_EQ(::stat(path.c_str(), &status), 0);
    return static_cast<uint64_t>(status.st_blocks) * 512;
  }

  static std::string home_;
  static std::string digest_;
};
std::string RootfsTest::home_;
std::string RootfsTest::digest_;

TEST_F(RootfsTest, BootsFromADiskThatCanBeWritten) {
  const Result result = Run({}, R"sh(
      echo written > /file && sync && cat /file
      grep ' / ' /proc/mounts
      for mounted in /proc /sys /dev /dev/pts /dev/shm /tmp /run /sys/fs/cgroup; do
        grep -q " $mounted " /proc/mounts || echo "$mounted is not mounted"
      done)sh");
  EXPECT_EQ(result.exit_status, 0) << result.error;
  EXPECT_EQ(result.output, "written\n/dev/root / ext4 rw,relatime 0 0\n");
  // Nothing of it is there the next time. The kernel mounts read-only, the agent does not leave it.
  const Result next = Run({"--ephemeral", "--cmdline", "ro"},
                          "test ! -e /file && echo more > /file && grep ' / ' /proc/mounts");
  EXPECT_EQ(next.exit_status, 0) << next.error;
  EXPECT_EQ(next.output, "/dev/root / ext4 rw,relatime 0 0\n");
}

TEST_F(RootfsTest, TheRootDiskIsTheFirst) {
  const std::string other = home_ + "/other.raw";
  ASSERT_THAT(WriteFileAtomically(other, std::string(1 << 20, 'o')), IsOk());
  const Result result =
      RunVoidbox({"run", "--user", "root", "--disk", other + ",ro", "--rootfs", base(), "--", "sh",
                  "-c", "dd if=/dev/vdb bs=3 count=1 2>/dev/null; grep -c vda /proc/partitions"});
  EXPECT_EQ(result.exit_status, 0) << result.error;
  EXPECT_EQ(result.output, "ooo1\n");
}

TEST_F(RootfsTest, GrowsToTheSizeThatIsAskedFor) {
  const Result result = Run({"--disk-size", "1G"}, R"sh(
      df -k / | { read line; read device kib rest; echo $kib; }
      dd if=/dev/zero of=/large bs=1M count=64 2>/dev/null && sync && echo fits)sh");
  EXPECT_EQ(result.exit_status, 0) << result.error;
  uint64_t kib = 0;
  ASSERT_TRUE(absl::SimpleAtoi(result.output.substr(0, result.output.find('\n')), &kib));
  EXPECT_GT(kib, 900 << 10);
  EXPECT_LE(kib, 1 << 20);
  EXPECT_THAT(result.output, HasSubstr("fits\n"));
  const Result small = Run({"--disk-size", "16M"}, "true");
  EXPECT_EQ(small.exit_status, 125);
  EXPECT_THAT(small.error, HasSubstr("16777216 bytes is smaller than that of the base"));
}

TEST_F(RootfsTest, AnOverlayKeepsWhatWasWritten) {
  const Result first =
      Run({"--overlay", overlay(), "--disk-size", "64M"}, "echo kept > /file; mkdir /made");
  EXPECT_EQ(first.exit_status, 0) << first.error;
  EXPECT_LT(AllocatedBytes(overlay()), 4 << 20);
  const Result second = Run({"--overlay", overlay()}, "cat /file && rm /file && test -d /made");
  EXPECT_EQ(second.exit_status, 0) << second.error;
  EXPECT_EQ(second.output, "kept\n");
  const Result other_size = Run({"--overlay", overlay(), "--disk-size", "128M"}, "true");
  EXPECT_EQ(other_size.exit_status, 125);
  EXPECT_THAT(other_size.error, HasSubstr("made with a size of 67108864 bytes and keeps it"));
}

// Each would be the kernel's panic.
TEST_F(RootfsTest, RefusesWhatTheGuestKernelDoesNotMountByTheFeaturesName) {
  const std::string made = home_ + "/made.ext4";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"quota", "the feature quota"},
      {"project", "project"},
      {"casefold", "the feature casefold"},
      {"verity", "the feature verity and blocks of 1024 bytes"}};
  for (const auto& [feature, message] : cases) {
    MakeTestRootfs({.path = made, .features = feature, .agent = agent()});
    const Result result = RunVoidbox({"run", "--rootfs", made, "--", "true"});
    EXPECT_EQ(result.exit_status, 125) << feature;
    EXPECT_THAT(result.error, AllOf(HasSubstr(made), HasSubstr(message)));
  }
}

TEST_F(RootfsTest, ASizeThatCannotBeHadIsAnError) {
  const std::string made = home_ + "/made.ext4";
  MakeTestRootfs({.path = made, .features = "sparse_super2", .agent = agent()});
  const std::vector<std::string> run = {"run", "--rootfs", made,  "--disk-size",
                                        "64M", "--",       "true"};
  const Result told = RunVoidbox(run);
  EXPECT_EQ(told.exit_status, 125);
  EXPECT_THAT(told.error, AllOf(HasSubstr("33554432 bytes cannot grow to 67108864"),
                                HasSubstr("sparse_super2")));
  // What only the guest's kernel sees: the inode by which the file system grows is gone.
  MakeTestRootfs({.path = made, .agent = agent()});
  ASSERT_EQ(RunProgram({"/sbin/debugfs", "-w", "-R", "clri <7>", made}), 0);
  const Result seen = RunVoidbox(run);
  EXPECT_EQ(seen.exit_status, 125);
  EXPECT_THAT(seen.error,
              HasSubstr("the root file system cannot grow to the size that was asked for"));
}

TEST_F(RootfsTest, SaysWhatIsWrongWithAFile) {
  const std::string zeroes = home_ + "/zeroes.ext4";
  ASSERT_THAT(WriteFileAtomically(zeroes, std::string(1 << 20, '\0')), IsOk());
  const Result no_ext4 = RunVoidbox({"run", "--rootfs", zeroes, "--", "true"});
  EXPECT_EQ(no_ext4.exit_status, 125);
  EXPECT_THAT(no_ext4.error, AllOf(HasSubstr(zeroes), HasSubstr("not an ext4 file system")));
  const Result no_overlay = Run({"--overlay", zeroes}, "true");
  EXPECT_EQ(no_overlay.exit_status, 125);
  EXPECT_THAT(no_overlay.error, HasSubstr("zeroes.ext4: it is not an overlay of voidbox"));
}

}  // namespace
}  // namespace voidbox

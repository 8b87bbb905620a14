// A distribution's own kernel, with the modules that it came with, runs a user's commands: on a
// machine with KVM or through the emulated host, where each boot takes some ten seconds.
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/io.h"
#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/test_rootfs.h"
#include "tests/voidbox_process.h"

namespace voidbox {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using Result = VoidboxProcess::Result;

class DistributionKernelTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    UseOwnHome();
    runfiles_ = std::getenv("TEST_SRCDIR");
    // Beside the kernel lie its modules, which are thousands of files.
    kernel_ = std::filesystem::canonical(runfiles_ + "/debian_linux_image/vmlinuz");
    const auto release = ReadFile(runfiles_ + "/debian_linux_image/release.txt");
    ASSERT_THAT(release, IsOk());
    release_ = std::string(absl::StripAsciiWhitespace(*release));
    modules_ = absl::StrCat(std::filesystem::path(kernel_).parent_path().string(), "/lib/modules/",
                            release_);
  }
  static void TearDownTestSuite() { StopOwnHost(); }
  // Imports it as `name`, with whatever else the arguments say.
  static void Import(const std::string& name, const std::vector<std::string>& arguments = {}) {
    std::vector<std::string> all = {"image", "import",    name,     "--kernel",
                                    kernel_, "--modules", modules_, "--format=json"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    const Result imported = RunVoidbox(all);
    ASSERT_EQ(imported.exit_status, 0) << imported.error;
    const nlohmann::json image = nlohmann::json::parse(imported.output);
    EXPECT_EQ(image.at("kernel").at("kind"), "bzimage");
    EXPECT_EQ(image.at("initramfs").at("kind"), "cpio");
    const nlohmann::json input = image.at("inputs").at(0);
    EXPECT_EQ(input.at("name"), "linux-modules");
    EXPECT_EQ(input.at("version"), release_);
  }
  static Result Shell(const std::string& image, const std::vector<std::string>& flags,
                      const std::string& script) {
    std::vector<std::string> all = {"run", "--user", "root", "--image", image};
    all.insert(all.end(), flags.begin(), flags.end());
    all.insert(all.end(), {"--", "sh", "-c", script});
    return RunVoidbox(all);
  }

  static std::string runfiles_, kernel_, modules_, release_;
};
std::string DistributionKernelTest::runfiles_;
std::string DistributionKernelTest::kernel_;
std::string DistributionKernelTest::modules_;
std::string DistributionKernelTest::release_;

TEST_F(DistributionKernelTest, RunsCommandsInTheBuiltInInitramfsOnTwoProcessors) {
  Import("debian-kernel");
  const Result result =
      Shell("debian-kernel", {"--cpus=2"},
            "uname -r; nproc; cut -d' ' -f1 /proc/modules; cat /proc/interrupts; exit 3");
  EXPECT_EQ(result.exit_status, 3) << result.error;
  EXPECT_EQ(result.output.substr(0, result.output.find('\n')), release_);
  EXPECT_THAT(result.output, AllOf(HasSubstr("\n2\n"), HasSubstr("\nvirtio_mmio\n"),
                                   HasSubstr("\nvmw_vsock_virtio_transport\n")));
  // The serial port and the devices have their lines from ACPI.
  EXPECT_THAT(result.output, AllOf(HasSubstr("ttyS0"), HasSubstr("virtio1")));
}

TEST_F(DistributionKernelTest, GoesOnToARootDiskAndLeavesNothingOfTheInitramfs) {
  const std::string rootfs = ::testing::TempDir() + "/rootfs.ext4";
  MakeTestRootfs(
      {.path = rootfs, .agent = runfiles_ + "/voidbox/agent/guest-agent", .programs = {}});
  Import("debian-root", {"--rootfs", rootfs});
  const Result result = Shell("debian-root", {"--disk-size=64M"},
                              "busybox uname -r; cat /proc/mounts; ls -a /; echo kept > /file; "
                              "cat /file; busybox readlink /proc/1/exe");
  EXPECT_EQ(result.exit_status, 0) << result.error;
  EXPECT_EQ(result.output.substr(0, result.output.find('\n')), release_);
  EXPECT_THAT(result.output, AllOf(HasSubstr("/dev/vda / ext4 rw"), HasSubstr("\nkept\n"),
                                   HasSubstr("\n/sbin/guest-agent\n"), Not(HasSubstr("newroot"))));
}

}  // namespace
}  // namespace voidbox

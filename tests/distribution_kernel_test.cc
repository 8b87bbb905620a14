// A distribution's own kernel, with the modules that it came with, runs a user's commands: on a
// machine with KVM or through the emulated host, where each boot takes some ten seconds.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
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
  static void Import(const std::string& name, const std::vector<std::string>& arguments = {},
                     const std::string& initramfs_kind = "cpio") {
    std::vector<std::string> all = {"image", "import",    name,     "--kernel",
                                    kernel_, "--modules", modules_, "--format=json"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    const Result imported = RunVoidbox(all);
    ASSERT_EQ(imported.exit_status, 0) << imported.error;
    const nlohmann::json image = nlohmann::json::parse(imported.output);
    EXPECT_EQ(image.at("kernel").at("kind"), "bzimage");
    EXPECT_EQ(image.at("initramfs").at("kind"), initramfs_kind);
    EXPECT_EQ(image.at("kernel_release"), release_);
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

// The format of lzop(1) with blocks that are stored, as it writes what it cannot make smaller
// (Linux lib/decompress_unlzo.c). No package of the tests packs so.
std::string Lzo(absl::string_view data) {
  constexpr size_t kBlockBytes = 256 << 10;
  const auto number = [](uint64_t value, int bytes) {
    std::string text;
    for (int i = bytes - 1; i >= 0; --i) text += static_cast<char>(value >> (8 * i) & 0xff);
    return text;
  };
  // Versions of lzop, its library and the reader; method and level; flags, mode, times, no name,
  // and a checksum that nobody looks at.
  std::string packed("\x89LZO\0\r\n\x1a\n", 9);
  packed += number(0x1030, 2) + number(0x2080, 2) + number(0x0940, 2) + number(1, 1) +
            number(5, 1) + number(1, 4) + number(0100644, 4) + number(0, 8) + number(0, 1) +
            number(0, 4);
  for (; !data.empty(); data.remove_prefix(std::min(kBlockBytes, data.size()))) {
    const absl::string_view block = data.substr(0, kBlockBytes);
    packed += number(block.size(), 4) + number(block.size(), 4) + number(0, 4);
    packed.append(block.data(), block.size());
  }
  return packed + number(0, 4);
}

// Each ends in another way, and the kernel has to find the modules behind that end.
TEST_F(DistributionKernelTest, LoadsModulesBehindAnInitramfsOfEveryPacking) {
  const std::string plain = runfiles_ + "/voidbox/image/minimal.cpio";
  const std::string packed = ::testing::TempDir() + "/packed";
  const std::vector<std::pair<std::string, std::string>> packings = {
      {"gzip", "gzip -c"}, {"bzip2", "bzip2 -c"},           {"xz", "xz --check=crc32 -c"},
      {"lz4", "lz4 -lqc"}, {"lzma", "xz --format=lzma -c"}, {"zstd", "zstd -qc"},
      {"lzo", ""}};
  for (const auto& [name, program] : packings) {
    SCOPED_TRACE(name);
    if (program.empty()) {
      ASSERT_THAT(WriteFileAtomically(packed, Lzo(*ReadFile(plain, 64 << 20))), IsOk());
    } else {
      const std::string script = absl::StrCat(program, " < ", plain, " > ", packed);
      ASSERT_EQ(RunProgram({"/bin/sh", "-c", script}), 0);
    }
    Import("packed", {"--initramfs", packed, "--force"}, "cpio+" + name);
    const Result result = Shell("packed", {}, "cut -d' ' -f1 /proc/modules");
    EXPECT_EQ(result.exit_status, 0) << result.error;
    EXPECT_THAT(result.output, HasSubstr("vmw_vsock_virtio_transport\n"));
  }
}

TEST_F(DistributionKernelTest, ModulesOfAnotherReleaseAreRefusedWithBothNamed) {
  // Our kernel says what it is in its banner.
  const Result refused =
      RunVoidbox({"image", "import", "other", "--kernel",
                  runfiles_ + "/voidbox/image/kernel/vmlinux", "--modules", modules_});
  EXPECT_EQ(refused.exit_status, 125);
  EXPECT_THAT(refused.error, AllOf(HasSubstr("of kernel " + release_), HasSubstr("-voidbox")));
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

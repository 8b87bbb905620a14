#include "tools/bench/machine.h"

#include <nlohmann/json.hpp>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace voidbox::bench {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;

const Guest kGuest = {
    .kernel = "/s/vmlinux", .initramfs = "/s/initramfs", .command_line = "quiet \"x"};

TEST(MachineTest, VoidboxGetsItsConfiguration) {
  const vmm::VmConfig config = VoidboxConfig(kGuest, "/s/voidbox", 1);
  EXPECT_EQ(config.kernel_path(), "/s/vmlinux");
  EXPECT_EQ(config.initramfs_path(), "/s/initramfs");
  EXPECT_EQ(config.kernel_command_line(), "quiet \"x");
  EXPECT_EQ(config.vcpu_count(), 1u);
  EXPECT_EQ(config.memory_bytes(), 128u << 20);
  EXPECT_EQ(config.directory(), "/s/voidbox");
  EXPECT_EQ(config.console_output_fd(), 1);
  EXPECT_EQ(config.seccomp(), vmm::SECCOMP_UNSPECIFIED);  // it is measured confined
  EXPECT_THAT(VoidboxCommand({"ld", "vmm"}, 3, 4),
              ElementsAre("ld", "vmm", "--config-fd", "3", "--event-fd", "4"));
}

TEST(MachineTest, FirecrackerGetsTheSameGuestAndDevices) {
  const auto config = nlohmann::json::parse(FirecrackerConfig(kGuest, "/s/fc"));
  EXPECT_EQ(config["boot-source"]["kernel_image_path"], "/s/vmlinux");
  EXPECT_EQ(config["boot-source"]["initrd_path"], "/s/initramfs");
  EXPECT_EQ(config["boot-source"]["boot_args"], "quiet \"x");
  EXPECT_EQ(config["machine-config"]["vcpu_count"], 1);
  EXPECT_EQ(config["machine-config"]["mem_size_mib"], 128);
  EXPECT_EQ(config["vsock"]["uds_path"], "/s/fc/v.sock");
  EXPECT_TRUE(config.contains("entropy"));
  const Program command = FirecrackerCommand({"fc"}, "/s/fc");
  EXPECT_EQ(command.front(), "fc");
  EXPECT_THAT(command, Contains("/s/fc/config.json"));
}

TEST(MachineTest, QemuGetsTheSameGuest) {
  const Program command = QemuMicrovmCommand({"qemu"}, "/s/firmware", kGuest);
  const auto value_of = [&command](const std::string& flag) {
    for (size_t i = 0; i + 1 < command.size(); ++i) {
      if (command[i] == flag) return command[i + 1];
    }
    return std::string();
  };
  EXPECT_EQ(command.front(), "qemu");
  EXPECT_EQ(value_of("-L"), "/s/firmware");
  EXPECT_EQ(value_of("-kernel"), "/s/vmlinux");
  EXPECT_EQ(value_of("-initrd"), "/s/initramfs");
  EXPECT_EQ(value_of("-append"), "quiet \"x");
  EXPECT_EQ(value_of("-m"), "128");
  EXPECT_EQ(value_of("-accel"), "kvm");
  EXPECT_EQ(value_of("-smp"), "1");
}

TEST(MachineTest, NamesAreThoseOfTheReports) {
  EXPECT_EQ(JsonName(VmmKind::kVoidbox), "voidbox");
  EXPECT_EQ(JsonName(VmmKind::kQemuMicrovm), "qemu_microvm");
  EXPECT_EQ(JsonName(VmmKind::kFirecracker), "firecracker");
}

}  // namespace
}  // namespace voidbox::bench

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

Guest WithDisks() {
  return {.kernel = "/s/vmlinux",
          .command_line = "root=/dev/vda",
          .disks = {{.path = "/s/root", .access = GuestDisk::Access::kReadOnly},
                    {.path = "/s/data", .access = GuestDisk::Access::kWritable},
                    {.path = "/s/base", .access = GuestDisk::Access::kCopyOnWrite}},
          .memory_mib = 256};
}

TEST(MachineTest, VoidboxGetsTheDisks) {
  const vmm::VmConfig config = VoidboxConfig(WithDisks(), "/s/voidbox", 1);
  EXPECT_EQ(config.initramfs_path(), "");
  EXPECT_EQ(config.memory_bytes(), 256u << 20);
  ASSERT_EQ(config.disks_size(), 3);
  EXPECT_EQ(config.disks(0).path(), "/s/root");
  EXPECT_TRUE(config.disks(0).read_only());
  EXPECT_FALSE(config.disks(0).ephemeral());
  EXPECT_EQ(config.disks(1).path(), "/s/data");
  EXPECT_FALSE(config.disks(1).read_only());
  EXPECT_FALSE(config.disks(1).ephemeral());
  EXPECT_TRUE(config.disks(2).ephemeral());
}

TEST(MachineTest, FirecrackerGetsTheDisks) {
  Guest guest = WithDisks();
  guest.disks.pop_back();
  const auto config = nlohmann::json::parse(FirecrackerConfig(guest, "/s/fc"));
  EXPECT_FALSE(config["boot-source"].contains("initrd_path"));
  EXPECT_EQ(config["machine-config"]["mem_size_mib"], 256);
  ASSERT_EQ(config["drives"].size(), 2u);
  EXPECT_EQ(config["drives"][0]["path_on_host"], "/s/root");
  EXPECT_EQ(config["drives"][0]["is_read_only"], true);
  EXPECT_EQ(config["drives"][1]["path_on_host"], "/s/data");
  EXPECT_EQ(config["drives"][1]["is_read_only"], false);
  EXPECT_EQ(config["drives"][1]["cache_type"], "Writeback");
  EXPECT_NE(config["drives"][0]["drive_id"], config["drives"][1]["drive_id"]);
}

TEST(MachineTest, QemuGetsTheDisksInTheirOrder) {
  Guest guest = WithDisks();
  guest.disks.pop_back();
  const Program command = QemuMicrovmCommand({"qemu"}, "/s/firmware", guest);
  EXPECT_THAT(command, ::testing::Not(Contains("-initrd")));
  EXPECT_THAT(command, Contains("256"));
  EXPECT_THAT(command, Contains("if=none,format=raw,cache=writeback,aio=threads,id=disk0,"
                                "readonly=on,file=/s/root"));
  EXPECT_THAT(command, Contains("if=none,format=raw,cache=writeback,aio=threads,id=disk1,"
                                "readonly=off,file=/s/data"));
  EXPECT_THAT(command, Contains("virtio-blk-device,drive=disk0,bus=virtio-mmio-bus.1"));
  EXPECT_THAT(command, Contains("virtio-blk-device,drive=disk1,bus=virtio-mmio-bus.0"));
}

TEST(MachineTest, NamesAreThoseOfTheReports) {
  EXPECT_EQ(JsonName(VmmKind::kVoidbox), "voidbox");
  EXPECT_EQ(JsonName(VmmKind::kQemuMicrovm), "qemu_microvm");
  EXPECT_EQ(JsonName(VmmKind::kFirecracker), "firecracker");
}

}  // namespace
}  // namespace voidbox::bench

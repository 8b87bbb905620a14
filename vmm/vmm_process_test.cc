#include "vmm/vmm_process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/frame.h"
#include "base/status_matchers.h"
#include "base/unique_fd.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;

vmm::VmConfig GoodConfig() {
  vmm::VmConfig config;
  config.set_kernel_path("/boot/vmlinux");
  config.set_vcpu_count(1);
  config.set_memory_bytes(64 << 20);
  config.set_directory("/tmp");
  return config;
}

void ExpectInvalid(const vmm::VmConfig& config, const std::string& message) {
  EXPECT_THAT(ValidateConfig(config),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message)));
}

TEST(ValidateConfigTest, NamesTheFieldTheValueAndTheLimit) {
  EXPECT_THAT(ValidateConfig(GoodConfig()), IsOk());
  vmm::VmConfig config = GoodConfig();
  config.clear_kernel_path();
  ExpectInvalid(config, "no kernel");
  config = GoodConfig();
  config.set_vcpu_count(0);
  ExpectInvalid(config, "0 vCPUs, expected 1 to 32");
  config.set_vcpu_count(33);
  ExpectInvalid(config, "33 vCPUs, expected 1 to 32");
  config = GoodConfig();
  config.set_directory("relative");
  ExpectInvalid(config, "'relative' is not an absolute path");
  config = GoodConfig();
  for (int i = 0; i < 9; ++i) config.add_disks()->set_path("/disk");
  ExpectInvalid(config, "9 disks, expected at most 8");
  config = GoodConfig();
  config.add_disks()->set_serial(std::string(21, 's'));
  ExpectInvalid(config, "21 bytes, expected at most 20");
}

TEST(ValidateConfigTest, AnOverlayIsOfAWritableDisk) {
  vmm::VmConfig config = GoodConfig();
  vmm::Disk& disk = *config.add_disks();
  disk.set_path("/base");
  disk.set_virtual_bytes(1 << 20);
  ExpectInvalid(config, "disk /base: a size of 1048576 bytes takes an overlay");
  disk.set_overlay_path("overlay");
  ExpectInvalid(config, "overlay 'overlay' of disk /base is not an absolute path");
  disk.set_overlay_path("/overlay");
  EXPECT_THAT(ValidateConfig(config), IsOk());
  disk.set_ephemeral(true);
  ExpectInvalid(config, "exclude each other");
  disk.clear_overlay_path();
  EXPECT_THAT(ValidateConfig(config), IsOk());
  disk.set_read_only(true);
  ExpectInvalid(config, "exclude each other");
}

TEST(RunVmmTest, ARefusalIsAnEventAndLeavesNothing) {
  char name[] = "/tmp/voidbox-vmm-XXXXXX";
  ASSERT_NE(::mkdtemp(name), nullptr);
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd read(ends[0]), write(ends[1]);
  const UniqueFd before(::open(".", O_RDONLY | O_DIRECTORY));
  vmm::VmConfig config = GoodConfig();
  config.set_kernel_path("/nonexistent/vmlinux");
  config.set_directory(name);
  config.set_remove_directory(true);
  EXPECT_EQ(RunVmm(config, EventSink(write.get())), 1);
  ASSERT_EQ(::fchdir(before.get()), 0);
  vmm::VmEvent event;
  ASSERT_THAT(ReadFrame(read.get(), event), IsOk());
  EXPECT_EQ(event.stopped().reason(), vmm::Stopped::REFUSED);
  EXPECT_THAT(event.stopped().message(), HasSubstr("kernel /nonexistent/vmlinux"));
  EXPECT_GT(event.time_ns(), 0u);
  EXPECT_NE(::access(name, F_OK), 0);
}

TEST(RunVmmTest, AnOwnerThatIsGoneIsNoReasonToDie) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd write(ends[1]);
  ::close(ends[0]);
  vmm::VmConfig config = GoodConfig();
  config.set_directory("/nonexistent/sandbox");
  EXPECT_EQ(RunVmm(config, EventSink(write.get())), 1);
}

TEST(RunVmmTest, AMissingDirectoryIsRefusedAndNothingElseRemoved) {
  vmm::VmConfig config = GoodConfig();
  config.set_directory("/nonexistent/sandbox");
  config.set_remove_directory(true);
  EXPECT_EQ(RunVmm(config, EventSink(-1)), 1);
}

}  // namespace
}  // namespace voidbox

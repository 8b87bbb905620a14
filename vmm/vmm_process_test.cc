#include "vmm/vmm_process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>

#include "base/frame.h"
#include "base/io.h"
#include "base/status_matchers.h"
#include "base/unique_fd.h"
#include "base/unix_socket.h"
#include "vmm/boot/testing_images.h"
#include "vmm/testing/fake_hypervisor.h"

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

absl::StatusOr<std::unique_ptr<Hypervisor>> NoHypervisor() {
  return absl::NotFoundError("no hypervisor");
}

TEST(RunVmmTest, ARefusalIsAnEventAndTheDirectoryIsTheOwners) {
  char name[] = "/tmp/voidbox-vmm-XXXXXX";
  ASSERT_NE(::mkdtemp(name), nullptr);
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd read(ends[0]), write(ends[1]);
  const UniqueFd before(::open(".", O_RDONLY | O_DIRECTORY));
  vmm::VmConfig config = GoodConfig();
  config.set_kernel_path("/nonexistent/vmlinux");
  config.set_directory(name);
  EXPECT_EQ(RunVmm(config, EventSink(write.get()), NoHypervisor), 1);
  ASSERT_EQ(::fchdir(before.get()), 0);
  vmm::VmEvent event;
  ASSERT_THAT(ReadFrame(read.get(), event), IsOk());
  EXPECT_EQ(event.stopped().reason(), vmm::Stopped::REFUSED);
  EXPECT_THAT(event.stopped().message(), HasSubstr("kernel /nonexistent/vmlinux"));
  EXPECT_GT(event.time_ns(), 0u);
  EXPECT_EQ(::rmdir(name), 0) << "it is there, and empty";
}

TEST(RunVmmTest, AnOwnerThatIsGoneIsNoReasonToDie) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd write(ends[1]);
  ::close(ends[0]);
  vmm::VmConfig config = GoodConfig();
  config.set_directory("/nonexistent/sandbox");
  EXPECT_EQ(RunVmm(config, EventSink(write.get()), NoHypervisor), 1);
}

// The machine serves the loop while it ends, and a request of that time finds none.
TEST(RunVmmTest, AnswersARequestWhileAMachineThatFailedEnds) {
  std::string directory = ::testing::TempDir() + "/voidbox-vmm-XXXXXX";
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  const std::string kernel = directory + "/vmlinux";
  ASSERT_THAT(WriteFileAtomically(kernel, FakeElf().Bytes()), IsOk());
  const UniqueFd before(::open(".", O_RDONLY | O_DIRECTORY));
  vmm::VmConfig config = GoodConfig();
  config.set_kernel_path(kernel);
  config.set_directory(directory);
  config.set_seccomp(vmm::SECCOMP_OFF);
  std::atomic<bool> entered = false;
  FakeHost host([&entered](uint32_t, uint64_t) {
    entered = true;
    entered.notify_all();
    return std::nullopt;
  });
  UniqueFd client;
  host.on_doorbell = [&] {
    entered.wait(false);
    client = ConnectUnix(AT_FDCWD, "control.sock").value();
    ::fcntl(client.get(), F_SETFL, 0);
    vmm::ControlRequest request;
    request.mutable_status();
    EXPECT_THAT(WriteFrame(client.get(), request), IsOk());
    return absl::InternalError("no doorbell");
  };
  vmm::ControlReply reply;
  host.before_leaving = [&] { EXPECT_THAT(ReadFrame(client.get(), reply), IsOk()); };
  EXPECT_EQ(RunVmm(config, EventSink(-1), host.Opener()), 1);
  EXPECT_EQ(reply.error(), "the machine did not start");
  ASSERT_EQ(::fchdir(before.get()), 0);
  std::filesystem::remove_all(directory);
}

TEST(RunVmmTest, AMissingDirectoryIsRefused) {
  vmm::VmConfig config = GoodConfig();
  config.set_directory("/nonexistent/sandbox");
  EXPECT_EQ(RunVmm(config, EventSink(-1), NoHypervisor), 1);
}

}  // namespace
}  // namespace voidbox

// A disk that does not answer keeps the guest waiting, and not the sandbox's owner.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "base/frame.h"
#include "base/status_matchers.h"
#include "base/unix_socket.h"
#include "virtio/block/block_device.h"
#include "virtio/block/block_spec.h"
#include "virtio/block/memory_disk.h"
#include "virtio/testing/device_harness.h"
#include "vmm/control_server.h"

namespace voidbox {
namespace {

class HeldDiskTest : public ::testing::Test {
 protected:
  HeldDiskTest() {
    char name[] = "/tmp/voidbox-held-XXXXXX";
    path_ = ::mkdtemp(name);
    directory_.Reset(::open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    auto disk = std::make_unique<MemoryDisk>(std::string(64 << 10, 'd'));
    disk_ = disk.get();
    harness_.emplace([&](EventLoop&) { return *BlockDevice::Create(std::move(disk), {}); });
    harness_->RunOnLoop([this] {
      server_ = ControlServer::Create(directory_.get(), "control.sock", harness_->loop(),
                                      [](const vmm::ControlRequest&, ControlServer::Reply reply) {
                                        vmm::ControlReply answer;
                                        answer.set_state(vmm::ControlReply::RUNNING);
                                        reply(answer);
                                      })
                    .value();
    });
  }
  ~HeldDiskTest() override {
    harness_->RunOnLoop([this] { server_.reset(); });
    ::unlinkat(directory_.get(), "control.sock", 0);
    ::rmdir(path_.c_str());
  }

  // Returns while the disk holds a read of the guest.
  void HoldARead() {
    FakeDriver& driver = harness_->driver();
    ASSERT_TRUE(driver.Start());
    disk_->Hold();
    const GuestAddress at = driver.Allocate(1024);
    ASSERT_THAT(harness_->memory().WriteObject(at, VirtioBlkRequestHeader{.type = VIRTIO_BLK_T_IN}),
                IsOk());
    driver.queue(0).Offer({{at, 16}, {{at.value + 512}, 513, true}});
    driver.Notify(0);
    disk_->WaitForHeld();
  }
  void ExpectControlAnswers() {
    const UniqueFd client = ConnectUnix(directory_.get(), "control.sock").value();
    ::fcntl(client.get(), F_SETFL, 0);
    vmm::ControlRequest request;
    request.mutable_status();
    ASSERT_THAT(WriteFrame(client.get(), request), IsOk());
    vmm::ControlReply reply;
    ASSERT_THAT(ReadFrame(client.get(), reply), IsOk());
    EXPECT_EQ(reply.state(), vmm::ControlReply::RUNNING);
  }

  std::string path_;
  UniqueFd directory_;
  MemoryDisk* disk_ = nullptr;
  std::optional<DeviceHarness> harness_;
  std::unique_ptr<ControlServer> server_;
};

TEST_F(HeldDiskTest, ControlAnswersWhileAResetWaitsForTheDisk) {
  HoldARead();
  std::thread vcpu([this] { harness_->driver().Write(VIRTIO_MMIO_STATUS, 0); });
  // The second connection is accepted in a later turn than that in which the reset began.
  for (int i = 0; i < 5; ++i) ExpectControlAnswers();
  disk_->Release();
  vcpu.join();
  EXPECT_EQ(harness_->driver().status(), 0);
}

TEST_F(HeldDiskTest, ControlAnswersWhileAPauseWaitsForTheDisk) {
  HoldARead();
  std::thread pause([this] { harness_->Quiesce(); });
  for (int i = 0; i < 5; ++i) ExpectControlAnswers();
  disk_->Release();
  pause.join();
  harness_->Resume();
}

}  // namespace
}  // namespace voidbox

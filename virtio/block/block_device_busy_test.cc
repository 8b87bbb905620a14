// Many requests, long ones, a disk that takes its time, and what comes in between.
#include <atomic>
#include <chrono>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "base/no_more_threads.h"
#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "virtio/block/block_device.h"
#include "virtio/block/block_device_fixture.h"
#include "virtio/block/block_spec.h"
#include "virtio/testing/device_harness.h"

namespace voidbox {
namespace {

using ::testing::ElementsAre;

class BusyBlockDeviceTest : public BlockDeviceTest {
 protected:
  // Offers a read of one sector and does not wait for it.
  void Offer(uint64_t sector) {
    const GuestAddress at = driver().Allocate(1024);
    harness_->ram().SetText(at, Header(VIRTIO_BLK_T_IN, sector));
    driver().queue(0).Offer({{at, 16}, {{at.value + 512}, 513, true}});
    data_.push_back({at.value + 512});
  }
  std::vector<GuestAddress> data_;
};

TEST_F(BusyBlockDeviceTest, CompletesManyAtOnce) {
  Start();
  for (int round = 0; round < 20; ++round) {
    data_.clear();
    const GuestAddress mark = driver().Allocate(0);
    for (uint64_t i = 0; i < 100; ++i) Offer(i);
    driver().Notify(0);
    for (int i = 0; i < 100; ++i) ASSERT_THAT(driver().WaitForUsed(0), IsOk());
    for (uint64_t i = 0; i < 100; ++i) {
      ASSERT_EQ(harness_->ram().Text(data_[i], 513), Sector(i) + kOk);
    }
    driver().FreeTo(mark);
  }
}

TEST_F(BusyBlockDeviceTest, OtherRequestsPassASlowOne) {
  Start();
  disk_->Hold();
  Offer(1);
  driver().Notify(0);
  disk_->WaitForHeld();
  disk_->SetCached(true);
  Offer(2);
  driver().Notify(0);
  ASSERT_THAT(driver().WaitForUsed(0), IsOk());
  EXPECT_EQ(harness_->ram().Text(data_[1], 513), Sector(2) + kOk);
  disk_->Release();
  ASSERT_THAT(driver().WaitForUsed(0), IsOk());
  EXPECT_EQ(harness_->ram().Text(data_[0], 513), Sector(1) + kOk);
}

TEST_F(BusyBlockDeviceTest, ResetWaitsForWhatWasBegunAndDropsTheRest) {
  Start();
  disk_->Hold();
  for (uint64_t i = 0; i < 10; ++i) Offer(i);
  driver().Notify(0);
  disk_->WaitForHeld();
  std::thread release([this] { disk_->Release(); });
  driver().Write(VIRTIO_MMIO_STATUS, 0);
  const size_t begun = disk_->calls().size();
  release.join();
  ASSERT_TRUE(driver().Start());
  EXPECT_EQ(disk_->calls().size(), begun);
  EXPECT_EQ(Ask(Header(VIRTIO_BLK_T_IN, 5), 512), Sector(5) + kOk);
}

TEST_F(BusyBlockDeviceTest, AHeldDiskKeepsOnlyTheResetWaiting) {
  Start();
  disk_->Hold();
  for (uint64_t i = 0; i < 10; ++i) Offer(i);
  driver().Notify(0);
  disk_->WaitForHeld();
  std::promise<void> reset;
  std::thread vcpu([&] {
    driver().Write(VIRTIO_MMIO_STATUS, 0);
    reset.set_value();
  });
  std::future<void> done = reset.get_future();
  // The loop turns, whether it has begun the reset or not.
  for (int i = 0; i < 10; ++i) harness_->Settle();
  EXPECT_EQ(done.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  disk_->Release();
  vcpu.join();
  ASSERT_TRUE(driver().Start());
  EXPECT_EQ(Ask(Header(VIRTIO_BLK_T_IN, 5), 512), Sector(5) + kOk);
}

TEST_F(BusyBlockDeviceTest, AHeldDiskKeepsOnlyTheQuiesceWaiting) {
  Start();
  disk_->Hold();
  for (uint64_t i = 0; i < 10; ++i) Offer(i);
  driver().Notify(0);
  disk_->WaitForHeld();
  std::atomic<bool> called_off = false;
  harness_->RunOnLoop([&] { harness_->transport().Quiesce([&] { called_off = true; }); });
  harness_->Settle();
  harness_->Resume();
  std::promise<void> quiet;
  harness_->RunOnLoop([&] { harness_->transport().Quiesce([&] { quiet.set_value(); }); });
  std::future<void> done = quiet.get_future();
  for (int i = 0; i < 10; ++i) harness_->Settle();
  EXPECT_EQ(done.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  disk_->Release();
  done.wait();
  EXPECT_FALSE(called_off);
  EXPECT_EQ(driver().queue(0).used_index(), 10);
  // Offered while it is quiet, served afterwards.
  Offer(11);
  driver().Notify(0);
  harness_->Settle();
  EXPECT_EQ(driver().queue(0).used_index(), 10);
  harness_->Resume();
  for (int i = 0; i < 11; ++i) ASSERT_THAT(driver().WaitForUsed(0), IsOk());
  EXPECT_EQ(harness_->ram().Text(data_[10], 513), Sector(11) + kOk);
}

TEST_F(BusyBlockDeviceTest, AResetEndsAQuiesceThatWaits) {
  Start();
  disk_->Hold();
  Offer(1);
  driver().Notify(0);
  disk_->WaitForHeld();
  std::promise<void> quiet;
  harness_->RunOnLoop([&] {
    harness_->transport().Quiesce([&] { quiet.set_value(); });
    driver().Write(VIRTIO_MMIO_STATUS, 0);
  });
  disk_->Release();
  quiet.get_future().wait();
  EXPECT_EQ(driver().status(), 0);
}

TEST_F(BusyBlockDeviceTest, MayBeDestroyedWhileAResetWaits) {
  Start();
  disk_->Hold();
  Offer(1);
  driver().Notify(0);
  disk_->WaitForHeld();
  harness_->RunOnLoop([&] { driver().Write(VIRTIO_MMIO_STATUS, 0); });
  std::thread release([this] { disk_->Release(); });
  harness_.reset();
  release.join();
}

class LargeBlockDeviceTest : public BlockDeviceTest {
 protected:
  static constexpr uint64_t kMiB = 1 << 20;
  std::string Contents() override { return std::string(4 * kMiB, 'd'); }
};

TEST_F(LargeBlockDeviceTest, ZeroesAtMostOneMebibyteInATurn) {
  Start();
  const std::string range =
      Raw(VirtioBlkDiscardWriteZeroes{.sector = 1, .num_sectors = 3 * kMiB / kSectorBytes});
  EXPECT_EQ(Status(Header(VIRTIO_BLK_T_WRITE_ZEROES) + range), VIRTIO_BLK_S_OK);
  EXPECT_THAT(disk_->calls(), ElementsAre("zero 512+1048064", "zero 1048576+1048576",
                                          "zero 2097152+1048576", "zero 3145728+512"));
  EXPECT_EQ(disk_->contents(), "d" + std::string(511, 'd') + std::string(3 * kMiB, '\0') +
                                   std::string(kMiB - 512, 'd'));
}

TEST_F(LargeBlockDeviceTest, WritesAtMostOneMebibyteInATurn) {
  Start();
  const GuestAddress header = driver().Allocate(16);
  const GuestAddress status = driver().Allocate(1);
  const GuestAddress data = driver().Allocate(300 << 10);
  harness_->ram().SetText(header, Header(VIRTIO_BLK_T_OUT, 1));
  harness_->ram().SetText(data, std::string(300 << 10, 'w'));
  std::vector<GuestBuffer> buffers = {{header, 16}};
  for (int i = 0; i < 5; ++i) buffers.push_back({data, 300 << 10});
  buffers.push_back({status, 1, true});
  driver().queue(0).Offer(buffers);
  driver().Notify(0);
  ASSERT_THAT(driver().WaitForUsed(0), IsOk());
  EXPECT_EQ(harness_->ram().Text(status, 1), kOk);
  EXPECT_THAT(disk_->calls(), ElementsAre("write 512+1048064", "write 1048576+487936"));
  EXPECT_EQ(disk_->contents().substr(512, 1536000), std::string(1536000, 'w'));
}

TEST_F(LargeBlockDeviceTest, AResetSeesTheEndOfATurn) {
  Start();
  const GuestAddress request = driver().Allocate(64);
  harness_->ram().SetText(request, Header(VIRTIO_BLK_T_WRITE_ZEROES) +
                                       Raw(VirtioBlkDiscardWriteZeroes{
                                           .sector = 0, .num_sectors = 4 * kMiB / kSectorBytes}));
  disk_->Hold();
  driver().queue(0).Offer({{request, 32}, {driver().Allocate(1), 1, true}});
  driver().Notify(0);
  disk_->WaitForHeld();
  harness_->RunOnLoop([&] { driver().Write(VIRTIO_MMIO_STATUS, 0); });  // begins the reset
  disk_->Release();
  driver().Write(VIRTIO_MMIO_STATUS, 0);  // waits for its end
  EXPECT_THAT(disk_->calls(), ElementsAre("zero 0+1048576"));
}

TEST_F(BlockDeviceTest, WithoutAThreadRequestsFailAndTheMachineGoesOn) {
  Start();
  {
    const NoMoreThreads limit;
    EXPECT_EQ(Ask(Header(VIRTIO_BLK_T_IN, 3), 512).back(), VIRTIO_BLK_S_IOERR);
  }
  EXPECT_EQ(Ask(Header(VIRTIO_BLK_T_IN, 3), 512), Sector(3) + kOk);
}

TEST_F(BusyBlockDeviceTest, SaveFinishesWhatIsInFlight) {
  Start();
  disk_->Hold();
  for (uint64_t i = 0; i < 10; ++i) Offer(i);
  driver().Notify(0);
  disk_->WaitForHeld();
  std::thread release([this] { disk_->Release(); });
  ASSERT_THAT(harness_->Save(), IsOk());
  release.join();
  EXPECT_EQ(driver().queue(0).used_index(), 10);
  EXPECT_EQ(harness_->ram().Text(data_[9], 513), Sector(9) + kOk);
}

}  // namespace
}  // namespace voidbox

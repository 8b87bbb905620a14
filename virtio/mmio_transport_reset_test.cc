// Resets, quiescing and the end of a transport, and notifications around them.
#include <memory>
#include <thread>
#include <vector>

#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "virtio/mmio_transport.h"
#include "virtio/mmio_transport_fixture.h"
#include "virtio/testing/device_harness.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;

TEST_F(MmioTransportTest, ResetIsCompleteWhenTheWriteReturns) {
  for (int i = 1; i <= 50; ++i) {
    ASSERT_TRUE(driver_.Start());
    driver_.queue(0).Offer({{driver_.Allocate(8), 4}});
    driver_.Notify(0);
    driver_.Write(VIRTIO_MMIO_STATUS, 0);
    EXPECT_EQ(driver_.status(), 0);
    EXPECT_EQ(driver_.Read(VIRTIO_MMIO_INTERRUPT_STATUS), 0);
    EXPECT_EQ(log_.resets, log_.activations);
    driver_.Write(VIRTIO_MMIO_QUEUE_SEL, 0);
    EXPECT_EQ(driver_.Read(VIRTIO_MMIO_QUEUE_READY), 0);
  }
}

TEST_F(MmioTransportTest, KeepsNotificationsFromBeforeActivation) {
  ASSERT_TRUE(driver_.Negotiate(kOffered));
  driver_.SetUpQueue(0, 16);
  driver_.SetUpQueue(1, 8);
  driver_.queue(0).Offer({{driver_.Allocate(8), 4}});
  const uint64_t one = 1;
  ASSERT_EQ(::write(harness_.transport().notify_fds()[0], &one, sizeof(one)), 8);
  driver_.AddStatus(VIRTIO_STATUS_DRIVER_OK);
  EXPECT_THAT(driver_.WaitForUsed(0), IsOk());
}

TEST_F(MmioTransportTest, HandlesEveryNotificationThroughEventfds) {
  ASSERT_TRUE(driver_.Start(FeatureMask(VIRTIO_F_VERSION_1)));
  const GuestAddress buffer = driver_.Allocate(8);
  for (int i = 0; i < 100; ++i) {
    driver_.queue(1).Offer({{buffer, 4}});
    const uint64_t one = 1;
    ASSERT_EQ(::write(harness_.transport().notify_fds()[1], &one, sizeof(one)), 8);
    ASSERT_THAT(driver_.WaitForUsed(1), IsOk());
  }
}

TEST_F(MmioTransportTest, SurvivesThreadsThatWriteEverything) {
  std::vector<std::thread> threads;
  for (unsigned seed = 1; seed <= 3; ++seed) {
    threads.emplace_back([this, seed] {
      FakeInterruptLine unused;
      FakeDriver driver(harness_.transport(), harness_.memory(), unused, {0x10000 + seed * 0x10000},
                        0x10000);
      uint32_t random = seed;
      for (int i = 0; i < 300; ++i) {
        random = random * 1664525 + 1013904223;
        if (i % 3 == 0) driver.Start();
        driver.Write((random >> 16) % 0x100 & ~3u, random % 5);
        driver.Read((random >> 8) % 0x200 & ~3u);
        driver.Notify(random % 3);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_TRUE(driver_.Start());
  EXPECT_THAT(driver_.Send(0, "alive", 8), IsOk());
}

TEST_F(MmioTransportTest, ResetsOnTheLoopsOwnThread) {
  ASSERT_TRUE(driver_.Start());
  ASSERT_THAT(driver_.Send(0, "x", 1), IsOk());
  harness_.RunOnLoop([this] {
    driver_.Write(VIRTIO_MMIO_STATUS, 0);
    EXPECT_EQ(driver_.status(), 0);
  });
  EXPECT_EQ(log_.resets, 1);
}

TEST_F(MmioTransportTest, AVcpuWaitsForASlowResetAndTheLoopDoesNot) {
  ASSERT_TRUE(driver_.Start());
  ASSERT_THAT(driver_.Send(0, "x", 1), IsOk());
  log_.hold_reset = true;
  std::thread vcpu([this] { driver_.Write(VIRTIO_MMIO_STATUS, 0); });
  while (log_.resets == 0) harness_.Settle();  // the loop turns, and begins the reset
  harness_.Settle();
  FakeDriver other(harness_.transport(), harness_.memory(), harness_.line());
  EXPECT_NE(other.status(), 0) << "0 would say that it is complete, virtio 1.2 §2.1.2";
  other.Write(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);  // ignored
  harness_.RunOnLoop([this] { std::exchange(log_.held, nullptr)(); });
  vcpu.join();
  EXPECT_EQ(driver_.status(), 0);
  log_.hold_reset = false;
  ASSERT_TRUE(driver_.Start());
  EXPECT_THAT(driver_.Send(0, "alive", 8), IsOk());
}

TEST_F(MmioTransportTest, AResetWaitsForADeviceThatBroke) {
  ASSERT_TRUE(driver_.Start());
  log_.hold_reset = true;
  EXPECT_FALSE(driver_.Send(0, "break", 8).ok());
  std::thread vcpu([this] { driver_.Write(VIRTIO_MMIO_STATUS, 0); });
  harness_.Settle();
  EXPECT_NE(driver_.status(), 0);
  EXPECT_EQ(log_.resets, 1);
  harness_.RunOnLoop([this] { std::exchange(log_.held, nullptr)(); });
  vcpu.join();
  EXPECT_EQ(driver_.status(), 0);
  EXPECT_EQ(log_.resets, 1);
}

TEST_F(MmioTransportTest, AQuiescedDeviceIsNotNotified) {
  ASSERT_TRUE(driver_.Start());
  ASSERT_THAT(driver_.Send(0, "x", 1), IsOk());
  harness_.Quiesce();
  const int notifies = log_.notifies;
  driver_.queue(0).Offer({{driver_.Allocate(8), 4}});
  driver_.Notify(0);
  harness_.Settle();
  EXPECT_EQ(log_.notifies, notifies);
  EXPECT_EQ(driver_.queue(0).used_index(), 1);
  harness_.Resume();
  EXPECT_THAT(driver_.WaitForUsed(0), IsOk());
  EXPECT_EQ(log_.resumes, 1);
}

TEST_F(MmioTransportTest, ResumeCallsOffAQuiesce) {
  ASSERT_TRUE(driver_.Start());
  ASSERT_THAT(driver_.Send(0, "x", 1), IsOk());
  log_.hold_quiesce = true;
  bool quiet = false;
  harness_.RunOnLoop([&] {
    harness_.transport().Quiesce([&] { quiet = true; });
    EXPECT_THAT(harness_.transport().Save(),
                StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("not quiesced")));
    harness_.transport().Resume();
  });
  EXPECT_THAT(driver_.Send(0, "x", 1), IsOk());
  EXPECT_FALSE(quiet);
}

TEST_F(MmioTransportTest, AQuiesceOutlastsTheEndOfABrokenDevice) {
  ASSERT_TRUE(driver_.Start());
  log_.hold_reset = true;
  EXPECT_FALSE(driver_.Send(0, "break", 8).ok());
  bool quiet = false;
  harness_.RunOnLoop([&] { harness_.transport().Quiesce([&] { quiet = true; }); });
  EXPECT_FALSE(quiet);
  harness_.RunOnLoop([this] { std::exchange(log_.held, nullptr)(); });
  EXPECT_TRUE(quiet);
  EXPECT_EQ(log_.quiesces, 0);
}

TEST_F(MmioTransportTest, DestructionResetsTheDevice) {
  EchoDevice::Log log;
  {
    DeviceHarness harness([&log](EventLoop&) { return std::make_unique<EchoDevice>(log); });
    ASSERT_TRUE(harness.driver().Start());
    ASSERT_THAT(harness.driver().Send(0, "x", 1), IsOk());
  }
  EXPECT_EQ(log.resets, 1);
}

TEST_F(MmioTransportTest, ActivationPostedBeforeDestructionDoesNothing) {
  EchoDevice::Log log;
  auto loop = EventLoop::Create();
  ASSERT_THAT(loop, IsOk());
  GuestRam ram;
  FakeInterruptLine line;
  auto transport =
      MmioTransport::Create(std::make_unique<EchoDevice>(log), **loop, ram.memory(), line);
  ASSERT_THAT(transport, IsOk());
  ASSERT_TRUE(FakeDriver(**transport, ram.memory(), line).Start());
  transport->reset();
  EXPECT_THAT((*loop)->RunOnce(absl::ZeroDuration()), IsOk());
  EXPECT_EQ(log.activations, 0);
}

}  // namespace
}  // namespace voidbox

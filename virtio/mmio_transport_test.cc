#include "virtio/mmio_transport.h"

#include <vector>

#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "virtio/mmio_transport_fixture.h"
#include "virtio/testing/device_harness.h"

namespace voidbox {
namespace {

using ::testing::_;

TEST_F(MmioTransportTest, IdentifiesItself) {
  EXPECT_EQ(driver_.Read(VIRTIO_MMIO_MAGIC_VALUE), 0x74726976);
  EXPECT_EQ(driver_.Read(VIRTIO_MMIO_VERSION), 2);
  EXPECT_EQ(driver_.Read(VIRTIO_MMIO_DEVICE_ID), 42);
  EXPECT_EQ(driver_.OfferedFeatures(), kOffered);
  driver_.Write(VIRTIO_MMIO_DEVICE_FEATURES_SEL, 2);
  EXPECT_EQ(driver_.Read(VIRTIO_MMIO_DEVICE_FEATURES), 0);
  EXPECT_EQ(driver_.queue_count(), 2);
  EXPECT_EQ(driver_.MaxQueueSize(0), 16);
  EXPECT_EQ(driver_.MaxQueueSize(1), 8);
}

TEST_F(MmioTransportTest, HasNoSharedMemory) {
  for (const uint32_t offset : {VIRTIO_MMIO_SHM_LEN_LOW, VIRTIO_MMIO_SHM_LEN_HIGH,
                                VIRTIO_MMIO_SHM_BASE_LOW, VIRTIO_MMIO_SHM_BASE_HIGH}) {
    EXPECT_EQ(driver_.Read(offset), UINT32_MAX);
  }
}

TEST_F(MmioTransportTest, EchoesThroughARequest) {
  ASSERT_TRUE(driver_.Start());
  for (const uint16_t queue : {0, 1}) {
    const auto reply = driver_.Send(queue, "hello", 16);
    ASSERT_THAT(reply, IsOk());
    EXPECT_EQ(*reply, "HELLO");
  }
  EXPECT_EQ(log_.features, kOffered);
  EXPECT_EQ(log_.activations, 1);
}

TEST_F(MmioTransportTest, TakesStatusBitsInOrderOnly) {
  EXPECT_EQ(StatusAfterWriting({2}), 0) << "DRIVER without ACKNOWLEDGE";
  EXPECT_EQ(StatusAfterWriting({1, 3}), 3);
  EXPECT_EQ(StatusAfterWriting({1, 9}), 1) << "FEATURES_OK without DRIVER";
  EXPECT_EQ(StatusAfterWriting({1, 3, 7}), 3) << "DRIVER_OK without FEATURES_OK";
  EXPECT_EQ(StatusAfterWriting({1, 3, 1}), 3) << "bits cannot be taken back";
  EXPECT_EQ(StatusAfterWriting({1, 3, 131}), 131) << "FAILED";
  EXPECT_EQ(StatusAfterWriting({1, 3, 131, 139}), 131) << "nothing after FAILED";
  EXPECT_EQ(StatusAfterWriting({64}), 0) << "NEEDS_RESET is the device's";
  EXPECT_EQ(StatusAfterWriting({UINT32_MAX}), 131);
  EXPECT_EQ(log_.activations, 0);
}

TEST_F(MmioTransportTest, RefusesFeaturesThatWereNotOffered) {
  EXPECT_TRUE(driver_.Negotiate(FeatureMask(VIRTIO_F_VERSION_1)));
  for (const uint64_t features :
       {uint64_t{0}, kOwnFeature, kOffered | FeatureMask(0), kOffered | FeatureMask(63)}) {
    driver_.Reset();
    EXPECT_FALSE(driver_.Negotiate(features)) << features;
    driver_.AddStatus(VIRTIO_STATUS_DRIVER_OK);
    EXPECT_EQ(driver_.status(), VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
  }
}

TEST_F(MmioTransportTest, RefusesFeaturesAboveBit63) {
  driver_.AddStatus(VIRTIO_STATUS_ACKNOWLEDGE);
  driver_.AddStatus(VIRTIO_STATUS_DRIVER);
  driver_.Write(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 2);
  driver_.Write(VIRTIO_MMIO_DRIVER_FEATURES, 1);
  EXPECT_FALSE(driver_.Negotiate(kOffered));
  driver_.Reset();
  EXPECT_TRUE(driver_.Negotiate(kOffered));
}

TEST_F(MmioTransportTest, FreezesFeaturesAtFeaturesOk) {
  ASSERT_TRUE(driver_.Negotiate(FeatureMask(VIRTIO_F_VERSION_1)));
  driver_.Write(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
  driver_.Write(VIRTIO_MMIO_DRIVER_FEATURES, 8);
  driver_.SetUpQueue(0, 16);
  driver_.SetUpQueue(1, 8);
  driver_.AddStatus(VIRTIO_STATUS_DRIVER_OK);
  ASSERT_THAT(driver_.Send(0, "x", 1), IsOk());
  EXPECT_EQ(log_.features, FeatureMask(VIRTIO_F_VERSION_1));
}

TEST_F(MmioTransportTest, QueueRegistersNeedFeaturesOk) {
  driver_.SetUpQueue(0, 16);
  driver_.Write(VIRTIO_MMIO_QUEUE_SEL, 0);
  EXPECT_EQ(driver_.Read(VIRTIO_MMIO_QUEUE_READY), 0);
}

TEST_F(MmioTransportTest, FreezesAQueueWhileItIsReady) {
  ASSERT_TRUE(driver_.Negotiate(kOffered));
  driver_.SetUpQueue(0, 16);
  driver_.SetUpQueue(1, 8);
  driver_.Write(VIRTIO_MMIO_QUEUE_SEL, 0);
  EXPECT_EQ(driver_.Read(VIRTIO_MMIO_QUEUE_READY), 1);
  driver_.Write(VIRTIO_MMIO_QUEUE_NUM, 3);
  driver_.Write(VIRTIO_MMIO_QUEUE_DESC_HIGH, 0xffff);
  driver_.AddStatus(VIRTIO_STATUS_DRIVER_OK);
  EXPECT_THAT(driver_.Send(0, "x", 1), IsOk());
}

TEST_F(MmioTransportTest, FreezesQueuesWhenActive) {
  ASSERT_TRUE(driver_.Start());
  for (const uint16_t queue : {0, 1}) {
    driver_.WriteQueueRegisters(queue, {.size = 2, .ready = false});
    driver_.Write(VIRTIO_MMIO_QUEUE_SEL, queue);
    EXPECT_EQ(driver_.Read(VIRTIO_MMIO_QUEUE_READY), 1);
    EXPECT_THAT(driver_.Send(queue, "x", 1), IsOk());
  }
}

TEST_F(MmioTransportTest, ChecksQueueSelectAtEveryAccess) {
  ASSERT_TRUE(driver_.Negotiate(kOffered));
  for (const uint32_t select : {2u, 65535u, 65536u, UINT32_MAX}) {
    driver_.Write(VIRTIO_MMIO_QUEUE_SEL, select);
    EXPECT_EQ(driver_.Read(VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
    driver_.Write(VIRTIO_MMIO_QUEUE_NUM, 16);
    driver_.Write(VIRTIO_MMIO_QUEUE_DESC_LOW, 0x1000);
    driver_.Write(VIRTIO_MMIO_QUEUE_READY, 1);
    EXPECT_EQ(driver_.Read(VIRTIO_MMIO_QUEUE_READY), 0);
    driver_.Write(VIRTIO_MMIO_QUEUE_NOTIFY, select);
  }
}

TEST_F(MmioTransportTest, NeedsResetWhenAQueueIsNotReady) {
  ASSERT_TRUE(driver_.Negotiate(kOffered));
  driver_.SetUpQueue(0, 16);
  driver_.AddStatus(VIRTIO_STATUS_DRIVER_OK);
  EXPECT_TRUE(driver_.WaitForNeedsReset());
  EXPECT_EQ(log_.activations, 0);
}

TEST_F(MmioTransportTest, NeedsResetWhenQueueSizeDoesNotFit) {
  for (const uint32_t size : {0u, 3u, 32u, 65535u, 65536u + 16, UINT32_MAX}) {
    driver_.Reset();
    ASSERT_TRUE(driver_.Negotiate(kOffered));
    driver_.SetUpQueue(0, 16);
    driver_.Write(VIRTIO_MMIO_QUEUE_READY, 0);
    driver_.Write(VIRTIO_MMIO_QUEUE_NUM, size);
    driver_.Write(VIRTIO_MMIO_QUEUE_READY, 1);
    driver_.SetUpQueue(1, 8);
    driver_.AddStatus(VIRTIO_STATUS_DRIVER_OK);
    EXPECT_TRUE(driver_.WaitForNeedsReset()) << size;
  }
  EXPECT_EQ(log_.activations, 0);
  EXPECT_TRUE(driver_.Start());
  EXPECT_THAT(driver_.Send(0, "x", 1), IsOk());
}

TEST_F(MmioTransportTest, BreaksAndComesBack) {
  ASSERT_TRUE(driver_.Start());
  for (const char* text : {"break", "fail"}) {
    const auto reply = driver_.Send(0, text, 8);
    if (reply.ok()) {
      EXPECT_EQ(*reply, "FAIL");
      EXPECT_TRUE(driver_.WaitForNeedsReset());
    } else {
      EXPECT_THAT(reply, StatusIs(absl::StatusCode::kFailedPrecondition, _));
    }
    // Notifications of a broken device reach nobody.
    const int notifies = log_.notifies;
    driver_.Notify(0);
    harness_.Settle();
    EXPECT_EQ(log_.notifies, notifies);
    ASSERT_TRUE(driver_.Start());
    EXPECT_THAT(driver_.Send(0, "again", 8), IsOk());
  }
  EXPECT_EQ(log_.resets, 2);
}

TEST_F(MmioTransportTest, NeedsResetWhenTheDeviceRefuses) {
  log_.refuse_activation = true;
  driver_.Start();
  EXPECT_TRUE(driver_.WaitForNeedsReset());
  driver_.Reset();
  EXPECT_EQ(log_.resets, 1);
  EXPECT_EQ(driver_.status(), 0);
}

TEST_F(MmioTransportTest, OneEdgeUntilItIsAcknowledged) {
  ASSERT_TRUE(driver_.Start());
  ASSERT_THAT(driver_.Send(0, "x", 1), IsOk());
  harness_.RunOnLoop([this] {
    const int before = harness_.line().count();
    log_.activation.interrupt->RaiseQueue();
    log_.activation.interrupt->RaiseQueue();
    EXPECT_EQ(harness_.line().count(), before + 1);
    log_.activation.interrupt->RaiseConfig();
    EXPECT_EQ(harness_.line().count(), before + 2);
  });
  EXPECT_EQ(driver_.Read(VIRTIO_MMIO_INTERRUPT_STATUS), 3);
  driver_.Write(VIRTIO_MMIO_INTERRUPT_ACK, 1);
  EXPECT_EQ(driver_.Read(VIRTIO_MMIO_INTERRUPT_STATUS), 2);
  driver_.Write(VIRTIO_MMIO_INTERRUPT_ACK, UINT32_MAX);
  EXPECT_EQ(driver_.Read(VIRTIO_MMIO_INTERRUPT_STATUS), 0);
}

TEST_F(MmioTransportTest, ReadsConfigurationByAnyWidth) {
  EXPECT_EQ(driver_.ReadConfig<uint8_t>(1), 0x02);
  EXPECT_EQ(driver_.ReadConfig<uint16_t>(1), 0x0302);
  EXPECT_EQ(driver_.ReadConfig<uint32_t>(4), 0x08070605);
  EXPECT_EQ(driver_.ReadConfig<uint64_t>(0), 0x0807060504030201);
  EXPECT_EQ(driver_.ReadConfig<uint64_t>(8), 0x09) << "zero behind the end";
  EXPECT_EQ(driver_.ReadConfig<uint32_t>(9), 0);
  EXPECT_EQ(driver_.ReadConfig<uint64_t>(0xefc), 0);
  struct Odd {
    uint8_t bytes[3];
  };
  EXPECT_EQ(driver_.ReadConfig<Odd>(0).bytes[0], 0);
  driver_.Write(VIRTIO_MMIO_CONFIG, 0xffffffff);
  EXPECT_EQ(driver_.ReadConfig<uint32_t>(0), 0x04030201);
}

TEST_F(MmioTransportTest, ConfigurationChangeIsAnnounced) {
  ASSERT_TRUE(driver_.Start());
  const uint32_t generation = driver_.Read(VIRTIO_MMIO_CONFIG_GENERATION);
  harness_.RunOnLoop([this] { harness_.transport().SetConfig("ABCDEFGHI"); });
  EXPECT_TRUE(harness_.line().Wait());
  EXPECT_EQ(driver_.Read(VIRTIO_MMIO_INTERRUPT_STATUS) & VIRTIO_MMIO_INT_CONFIG,
            VIRTIO_MMIO_INT_CONFIG);
  EXPECT_EQ(driver_.Read(VIRTIO_MMIO_CONFIG_GENERATION), generation + 1);
  EXPECT_EQ(driver_.ReadConfig<uint32_t>(0), 0x44434241);
}

TEST_F(MmioTransportTest, IgnoresAccessesOfOtherWidths) {
  ASSERT_TRUE(driver_.Start());
  const uint32_t status = driver_.status();
  for (uint64_t offset = 0; offset < VIRTIO_MMIO_CONFIG; ++offset) {
    for (const size_t width : {0, 1, 2, 3, 4, 5, 7, 8, 16}) {
      if (width == 4 && offset % 4 == 0) continue;
      std::vector<std::byte> bytes(width, std::byte{0});
      harness_.transport().Write(offset, bytes);
      std::fill(bytes.begin(), bytes.end(), std::byte{0xff});
      harness_.transport().Read(offset, bytes);
      EXPECT_EQ(bytes, std::vector<std::byte>(width)) << offset << " by " << width;
    }
  }
  EXPECT_EQ(driver_.status(), status);
  EXPECT_THAT(driver_.Send(0, "x", 1), IsOk());
  EXPECT_EQ(log_.resets, 0);
}

}  // namespace
}  // namespace voidbox

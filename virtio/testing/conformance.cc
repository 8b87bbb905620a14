#include "virtio/testing/conformance.h"

#include <algorithm>
#include <random>
#include <thread>
#include <vector>

#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "virtio/spec.h"

namespace voidbox {

void DeviceConformanceTest::ExpectServes(DeviceHarness& harness) {
  EXPECT_THAT(GetParam().exercise(harness), IsOk());
}

void DeviceConformanceTest::ExpectServesAfterReset(DeviceHarness& harness) {
  ASSERT_TRUE(harness.driver().Start());
  ExpectServes(harness);
}

namespace {

constexpr uint64_t kVersion1 = FeatureMask(VIRTIO_F_VERSION_1);

// --- Negotiation and reset -----------------------------------------------------------------------

TEST_P(DeviceConformanceTest, ServesWithAllFeatures) { ExpectServesAfterReset(); }

TEST_P(DeviceConformanceTest, ServesWithoutOptionalFeatures) {
  ASSERT_TRUE(driver_.Start(kVersion1));
  ExpectServes(*harness_);
}

TEST_P(DeviceConformanceTest, RefusesFeaturesThatWereNotOffered) {
  const uint64_t offered = driver_.OfferedFeatures();
  EXPECT_TRUE(offered & kVersion1);
  for (unsigned bit = 0; bit < 64; ++bit) {
    if ((offered & FeatureMask(bit)) != 0) continue;
    driver_.Reset();
    EXPECT_FALSE(driver_.Negotiate(offered | FeatureMask(bit))) << bit;
  }
  driver_.Reset();
  EXPECT_FALSE(driver_.Negotiate(offered & ~kVersion1));
  ExpectServesAfterReset();
}

TEST_P(DeviceConformanceTest, ServesAgainAfterEachReset) {
  for (int i = 0; i < 5; ++i) ExpectServesAfterReset();
}

TEST_P(DeviceConformanceTest, TouchesNoMemoryAfterReset) {
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(driver_.Start());
    GetParam().flood(*harness_);
    driver_.Reset();
    EXPECT_EQ(driver_.status(), 0);
    const std::string pattern(GuestRam::kLowBytes, static_cast<char>('a' + i));
    harness_->ram().SetText({0}, pattern);
    harness_->Settle();
    EXPECT_TRUE(harness_->ram().Text({0}, pattern.size()) == pattern);
  }
  ExpectServesAfterReset();
}

TEST_P(DeviceConformanceTest, MayBeDestroyedWhileBusy) {
  ASSERT_TRUE(driver_.Start());
  GetParam().flood(*harness_);
  harness_.reset();
}

TEST_P(DeviceConformanceTest, IgnoresSpuriousNotifications) {
  for (uint32_t queue = 0; queue < 8; ++queue) driver_.Notify(queue);
  ASSERT_TRUE(driver_.Start());
  for (int i = 0; i < 100; ++i) {
    for (const uint32_t queue : {0u, 1u, 2u, 3u, 0xffffu}) driver_.Notify(queue);
  }
  driver_.Write(VIRTIO_MMIO_QUEUE_NOTIFY, 0x10000);
  ExpectServes(*harness_);
}

// --- Registers -----------------------------------------------------------------------------------

TEST_P(DeviceConformanceTest, NeedsResetForImpossibleQueueSizes) {
  const uint16_t count = driver_.queue_count();
  for (uint16_t bad = 0; bad < count; ++bad) {
    for (const uint32_t size : {0u, 3u, driver_.MaxQueueSize(bad) * 2u, 65535u, 65536u}) {
      driver_.Reset();
      ASSERT_TRUE(driver_.Negotiate(driver_.OfferedFeatures()));
      for (uint16_t i = 0; i < count; ++i) {
        driver_.SetUpQueue(i, driver_.MaxQueueSize(i));
        if (i != bad) continue;
        driver_.Write(VIRTIO_MMIO_QUEUE_READY, 0);
        driver_.Write(VIRTIO_MMIO_QUEUE_NUM, size);
        driver_.Write(VIRTIO_MMIO_QUEUE_READY, 1);
      }
      driver_.AddStatus(VIRTIO_STATUS_DRIVER_OK);
      EXPECT_TRUE(driver_.WaitForNeedsReset()) << "queue " << bad << " of size " << size;
    }
  }
  ExpectServesAfterReset();
}

TEST_P(DeviceConformanceTest, ServesWithTheSmallestQueues) {
  ASSERT_TRUE(driver_.Negotiate(driver_.OfferedFeatures()));
  for (uint16_t i = 0; i < driver_.queue_count(); ++i) driver_.SetUpQueue(i, 4);
  driver_.AddStatus(VIRTIO_STATUS_DRIVER_OK);
  ExpectServes(*harness_);
}

TEST_P(DeviceConformanceTest, NeedsResetForRingsOutsideRam) {
  const uint16_t count = driver_.queue_count();
  using Part = GuestAddress QueueConfig::*;
  for (uint16_t bad = 0; bad < count; ++bad) {
    for (const Part part :
         {&QueueConfig::descriptor_table, &QueueConfig::driver_area, &QueueConfig::device_area}) {
      for (const uint64_t gpa :
           {GuestRam::kLowBytes - 16, GuestRam::kLowBytes, uint64_t{2} << 30,
            GuestRam::kHighStart.value - 16, UINT64_MAX - 15, uint64_t{0x10001}}) {
        driver_.Reset();
        ASSERT_TRUE(driver_.Negotiate(driver_.OfferedFeatures()));
        for (uint16_t i = 0; i < count; ++i) {
          QueueConfig config = driver_.SetUpQueue(i, driver_.MaxQueueSize(i)).config();
          if (i != bad) continue;
          driver_.Write(VIRTIO_MMIO_QUEUE_READY, 0);
          config.*part = {gpa};
          driver_.WriteQueueRegisters(i, config);
        }
        driver_.AddStatus(VIRTIO_STATUS_DRIVER_OK);
        EXPECT_TRUE(driver_.WaitForNeedsReset()) << "queue " << bad << " at " << gpa;
      }
    }
  }
  ExpectServesAfterReset();
}

TEST_P(DeviceConformanceTest, ServesFromMemoryAboveTheHole) {
  FakeDriver high(harness_->transport(), harness_->memory(), harness_->line(), GuestRam::kHighStart,
                  GuestRam::kHighBytes);
  ASSERT_TRUE(high.Negotiate(high.OfferedFeatures()));
  for (uint16_t i = 0; i < high.queue_count(); ++i) {
    high.SetUpQueue(i, std::min<uint16_t>(16, high.MaxQueueSize(i)));
  }
  high.AddStatus(VIRTIO_STATUS_DRIVER_OK);
  driver_.TakeOver(high);
  ExpectServes(*harness_);
}

TEST_P(DeviceConformanceTest, ChecksQueueSelect) {
  ASSERT_TRUE(driver_.Negotiate(driver_.OfferedFeatures()));
  for (const uint32_t select : {uint32_t{driver_.queue_count()}, 65536u, UINT32_MAX}) {
    driver_.Write(VIRTIO_MMIO_QUEUE_SEL, select);
    for (uint32_t offset = VIRTIO_MMIO_QUEUE_NUM_MAX; offset < VIRTIO_MMIO_CONFIG; offset += 4) {
      if (offset != VIRTIO_MMIO_STATUS) driver_.Write(offset, 1);
      driver_.Read(offset);
    }
    EXPECT_EQ(driver_.Read(VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
    EXPECT_EQ(driver_.Read(VIRTIO_MMIO_QUEUE_READY), 0);
  }
  ExpectServesAfterReset();
}

TEST_P(DeviceConformanceTest, IgnoresQueueWritesAfterActivation) {
  ASSERT_TRUE(driver_.Start());
  for (uint16_t i = 0; i < driver_.queue_count(); ++i) {
    driver_.WriteQueueRegisters(
        i, {.size = 1, .ready = false, .descriptor_table = {uint64_t{2} << 30}});
    driver_.Write(VIRTIO_MMIO_QUEUE_SEL, i);
    EXPECT_EQ(driver_.Read(VIRTIO_MMIO_QUEUE_READY), 1);
  }
  driver_.Write(VIRTIO_MMIO_DRIVER_FEATURES, 0);
  ExpectServes(*harness_);
}

TEST_P(DeviceConformanceTest, IgnoresAccessesOfOtherWidths) {
  ASSERT_TRUE(driver_.Start());
  const uint32_t status = driver_.status();
  for (uint64_t offset = 0; offset < VIRTIO_MMIO_CONFIG; ++offset) {
    for (const size_t width : {1, 2, 4, 8}) {
      if (width == 4 && offset % 4 == 0) continue;
      std::vector<std::byte> bytes(width, std::byte{0});
      harness_->transport().Write(offset, bytes);
      bytes.assign(width, std::byte{0xff});
      harness_->transport().Read(offset, bytes);
      EXPECT_EQ(bytes, std::vector<std::byte>(width)) << offset << " by " << width;
    }
  }
  EXPECT_EQ(driver_.status(), status);
  ExpectServes(*harness_);
}

TEST_P(DeviceConformanceTest, ReadsTheSameConfigurationByEveryWidth) {
  ASSERT_TRUE(driver_.Start());
  for (uint32_t offset = 0; offset < kMmioRegionBytes - VIRTIO_MMIO_CONFIG; ++offset) {
    driver_.Write(VIRTIO_MMIO_CONFIG + (offset & ~3u), 0xa5a5a5a5);
    uint64_t expected = 0;
    for (uint32_t i = 0; i < 8; ++i) {
      expected |= uint64_t{driver_.ReadConfig<uint8_t>(offset + i)} << (8 * i);
    }
    EXPECT_EQ(driver_.ReadConfig<uint64_t>(offset), expected);
    EXPECT_EQ(driver_.ReadConfig<uint32_t>(offset), static_cast<uint32_t>(expected));
    EXPECT_EQ(driver_.ReadConfig<uint16_t>(offset), static_cast<uint16_t>(expected));
  }
  ExpectServes(*harness_);
}

// --- Hostile rings -------------------------------------------------------------------------------

struct BadChain {
  const char* name;
  // Puts the chain of descriptor 0 together.
  void (*write)(DriverQueue& queue);
};

constexpr uint16_t kNext = VIRTQ_DESC_F_NEXT;
constexpr uint16_t kWrite = VIRTQ_DESC_F_WRITE;
constexpr uint16_t kIndirect = VIRTQ_DESC_F_INDIRECT;
// Rings and buffers of the driver begin above; the tests' indirect tables lie here.
constexpr GuestAddress kTable = {0x1000};

const BadChain kBadChains[] = {
    {"self reference",
     [](auto& q) {
       q.WriteDescriptor(0, {0x2000, 1, kNext, 0});
     }},
    {"loop of two",
     [](auto& q) {
       q.WriteDescriptor(0, {0x2000, 1, kNext, 1});
       q.WriteDescriptor(1, {0x2000, 1, kNext, 0});
     }},
    {"endless and empty",
     [](auto& q) {
       q.WriteDescriptor(0, {0, 0, kNext | kWrite, 0});
     }},
    {"next out of range",
     [](auto& q) {
       q.WriteDescriptor(0, {0x2000, 1, kNext, q.size()});
     }},
    {"next far out of range",
     [](auto& q) {
       q.WriteDescriptor(0, {0x2000, 1, kNext, 0xffff});
     }},
    {"readable after writable",
     [](auto& q) {
       q.WriteDescriptor(0, {0x2000, 1, kNext | kWrite, 1});
       q.WriteDescriptor(1, {0x2000, 1, 0, 0});
     }},
    {"readable in a hole",
     [](auto& q) {
       q.WriteDescriptor(0, {uint64_t{2} << 30, 64, 0, 0});
     }},
    {"writable in a hole",
     [](auto& q) {
       q.WriteDescriptor(0, {uint64_t{2} << 30, 64, kWrite, 0});
     }},
    {"leaves RAM",
     [](auto& q) {
       q.WriteDescriptor(0, {GuestRam::kLowBytes - 63, 64, kWrite, 0});
     }},
    {"enters RAM",
     [](auto& q) {
       q.WriteDescriptor(0, {GuestRam::kHighStart.value - 1, 64, kWrite, 0});
     }},
    {"wraps",
     [](auto& q) {
       q.WriteDescriptor(0, {UINT64_MAX - 31, 64, kWrite, 0});
     }},
    {"wraps by all",
     [](auto& q) {
       q.WriteDescriptor(0, {UINT64_MAX, UINT32_MAX, 0, 0});
     }},
    {"longer than RAM",
     [](auto& q) {
       q.WriteDescriptor(0, {0, UINT32_MAX, 0, 0});
     }},
    {"indirect with next",
     [](auto& q) {
       q.WriteDescriptor(0, {0x2000, 16, kIndirect | kNext, 1});
     }},
    {"indirect and empty",
     [](auto& q) {
       q.WriteDescriptor(0, {0x2000, 0, kIndirect, 0});
     }},
    {"indirect of odd length",
     [](auto& q) {
       q.WriteDescriptor(0, {0x2000, 17, kIndirect, 0});
     }},
    {"indirect in a hole",
     [](auto& q) {
       q.WriteDescriptor(0, {uint64_t{2} << 30, 16, kIndirect, 0});
     }},
    {"indirect that wraps",
     [](auto& q) {
       q.WriteDescriptor(0, {UINT64_MAX - 15, 32, kIndirect, 0});
     }},
    {"indirect in itself",
     [](auto& q) {
       q.WriteDescriptor(0, {kTable.value, 16, kIndirect, 0});
     }},
    {"descriptor table as indirect table",
     [](auto& q) {
       q.WriteDescriptor(0, {q.config().descriptor_table.value, 16, kIndirect, 0});
     }},
    {"indirect loop",
     [](auto& q) {
       q.WriteDescriptor(0, {kTable.value + 16, 16, kIndirect, 0});
     }},
    {"indirect with next out of its table",
     [](auto& q) {
       q.WriteDescriptor(0, {kTable.value + 32, 16, kIndirect, 0});
     }},
};

TEST_P(DeviceConformanceTest, NeedsResetForBrokenChains) {
  for (const BadChain& bad : kBadChains) {
    ASSERT_TRUE(driver_.Start());
    ASSERT_THAT(
        harness_->memory().WriteObject(kTable, VirtqDescriptor{kTable.value, 16, kIndirect, 0}),
        IsOk());
    ASSERT_THAT(harness_->memory().WriteObject(GuestAddress{kTable.value + 16},
                                               VirtqDescriptor{0x2000, 1, kNext, 0}),
                IsOk());
    ASSERT_THAT(harness_->memory().WriteObject(GuestAddress{kTable.value + 32},
                                               VirtqDescriptor{0x2000, 1, kNext, 1}),
                IsOk());
    bad.write(RequestQueue());
    RequestQueue().MakeAvailable(0);
    NotifyRequests();
    EXPECT_TRUE(driver_.WaitForNeedsReset()) << bad.name;
  }
  ExpectServesAfterReset();
}

TEST_P(DeviceConformanceTest, NeedsResetForIndirectThatWasNotNegotiated) {
  ASSERT_TRUE(driver_.Start(kVersion1));
  RequestQueue().OfferIndirect(kTable, std::vector<GuestBuffer>{{{0x2000}, 64}});
  NotifyRequests();
  EXPECT_TRUE(driver_.WaitForNeedsReset());
  ExpectServesAfterReset();
}

TEST_P(DeviceConformanceTest, NeedsResetForHeadsOutOfRange) {
  const int size = driver_.MaxQueueSize(GetParam().request_queue);
  for (const int head : {size, 0xffff}) {
    ASSERT_TRUE(driver_.Start());
    RequestQueue().MakeAvailable(static_cast<uint16_t>(head));
    NotifyRequests();
    EXPECT_TRUE(driver_.WaitForNeedsReset()) << head;
  }
  ExpectServesAfterReset();
}

TEST_P(DeviceConformanceTest, NeedsResetForIndexJumps) {
  const int size = driver_.MaxQueueSize(GetParam().request_queue);
  for (const int jump : {size + 1, 0x7fff, 0xffff}) {
    ASSERT_TRUE(driver_.Start());
    RequestQueue().SetAvailableIndex(static_cast<uint16_t>(jump));
    NotifyRequests();
    EXPECT_TRUE(driver_.WaitForNeedsReset()) << jump;
  }
  ExpectServesAfterReset();
}

TEST_P(DeviceConformanceTest, SurvivesOddRequests) {
  ASSERT_TRUE(driver_.Start());
  const GuestAddress at = driver_.Allocate(0x4000);
  std::vector<std::vector<GuestBuffer>> chains;
  for (const uint32_t readable : {0u, 1u, 15u, 16u, 43u, 44u, 45u, 600u}) {
    for (const uint32_t writable : {0u, 1u, 19u, 44u, 513u}) {
      chains.push_back({{at, readable}, {{at.value + 0x2000}, writable, true}});
    }
  }
  for (const auto& chain : chains) {
    for (const char fill : {'\0', '\x01', '\xff'}) {
      harness_->ram().SetText(at, std::string(0x1000, fill));
      for (uint16_t i = 0; i < driver_.queue_count(); ++i) {
        if (driver_.queue(i).free() < 2) continue;
        driver_.queue(i).Offer(chain);
        driver_.Notify(i);
      }
      harness_->Settle();
      if ((driver_.status() & VIRTIO_STATUS_DEVICE_NEEDS_RESET) != 0) {
        ASSERT_TRUE(driver_.Start());
        driver_.Allocate(0x4000);
      }
      for (uint16_t i = 0; i < driver_.queue_count(); ++i) {
        while (driver_.queue(i).TakeUsed().has_value()) continue;
      }
    }
  }
  ExpectServesAfterReset();
}

TEST_P(DeviceConformanceTest, SurvivesRandomRings) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    ASSERT_TRUE(driver_.Start());
    for (uint16_t i = 0; i < driver_.queue_count(); ++i) {
      DriverQueue& queue = driver_.queue(i);
      for (uint16_t d = 0; d < queue.size(); ++d) {
        const uint64_t address =
            random() % 8 == 0 ? random() * uint64_t{random()} : random() % GuestRam::kLowBytes;
        const uint32_t length = random() % 4 == 0 ? random() : random() % 8192;
        queue.WriteDescriptor(d, {address, length, static_cast<uint16_t>(random() % 8),
                                  static_cast<uint16_t>(random() % (queue.size() + 1))});
      }
      for (uint32_t n = random() % queue.size(); n > 0; --n) {
        queue.MakeAvailable(static_cast<uint16_t>(random() % queue.size()));
      }
      driver_.Notify(i);
    }
    harness_->Settle();
  }
  ExpectServesAfterReset();
}

TEST_P(DeviceConformanceTest, SurvivesSeveralDriversAtOnce) {
  std::vector<std::thread> threads;
  for (unsigned seed = 1; seed <= 2; ++seed) {
    threads.emplace_back([this, seed] {
      FakeInterruptLine unused;
      FakeDriver driver(harness_->transport(), harness_->memory(), unused, {seed * 0x40000},
                        0x40000);
      std::mt19937 random(seed);
      for (int i = 0; i < 200; ++i) {
        if (i % 10 == 0) driver.Start();
        driver.Write(random() % VIRTIO_MMIO_CONFIG & ~3u, random() % 16);
        driver.Read(random() % VIRTIO_MMIO_CONFIG & ~3u);
        driver.Notify(random() % 4);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  ExpectServesAfterReset();
}

// --- Save and restore ----------------------------------------------------------------------------

TEST_P(DeviceConformanceTest, GoesOnAfterRestore) {
  ExpectServesAfterReset();
  const uint32_t status = driver_.status();
  const auto state = harness_->SaveAndEnd();
  ASSERT_THAT(state, IsOk());
  DeviceHarness other(GetParam().make_device, &harness_->ram());
  ASSERT_THAT(other.Restore(*state), IsOk());
  EXPECT_EQ(other.driver().status(), status);
  other.driver().TakeOver(driver_);
  ExpectServes(other);
}

TEST_P(DeviceConformanceTest, GoesOnAfterSave) {
  ExpectServesAfterReset();
  ASSERT_THAT(harness_->Save(), IsOk());
  ExpectServes(*harness_);
}

TEST_P(DeviceConformanceTest, SavesWhileBusy) {
  ASSERT_TRUE(driver_.Start());
  GetParam().flood(*harness_);
  const auto state = harness_->SaveAndEnd();
  ASSERT_THAT(state, IsOk());
  DeviceHarness other(GetParam().make_device, &harness_->ram());
  EXPECT_THAT(other.Restore(*state), IsOk());
  ExpectServesAfterReset(other);
}

TEST_P(DeviceConformanceTest, TouchesNothingWhileQuiesced) {
  ASSERT_TRUE(driver_.Start());
  GetParam().flood(*harness_);
  harness_->Quiesce();
  const std::string memory = harness_->ram().Text({0}, GuestRam::kLowBytes);
  const int edges = harness_->line().count();
  for (uint16_t i = 0; i < driver_.queue_count(); ++i) driver_.Notify(i);
  harness_->Settle();
  EXPECT_TRUE(harness_->ram().Text({0}, GuestRam::kLowBytes) == memory);
  EXPECT_EQ(harness_->line().count(), edges);
  harness_->Resume();
  ExpectServesAfterReset();
}

// What the guest gets by the restore itself must be announced to it.
TEST_P(DeviceConformanceTest, AnnouncesWhatRestoringHasDone) {
  ASSERT_TRUE(driver_.Start());
  const uint16_t count = driver_.queue_count();
  for (uint16_t i = 0; i < count; ++i) {
    driver_.queue(i).EnableInterrupt();
    if (i != GetParam().request_queue) {
      driver_.queue(i).Offer({{driver_.Allocate(64), 64, true}});
    }
  }
  std::vector<uint16_t> used;
  for (uint16_t i = 0; i < count; ++i) used.push_back(driver_.queue(i).used_index());
  const auto state = harness_->SaveAndEnd();
  ASSERT_THAT(state, IsOk());
  DeviceHarness other(GetParam().make_device, &harness_->ram());
  ASSERT_THAT(other.Restore(*state), IsOk());
  other.Settle();
  for (uint16_t i = 0; i < count; ++i) {
    if (driver_.queue(i).used_index() == used[i]) continue;
    EXPECT_EQ(other.driver().Read(VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_VRING);
    EXPECT_GT(other.line().count(), 0);
  }
}

TEST_P(DeviceConformanceTest, AnInterruptThatIsPendingComesAgainAfterRestore) {
  ASSERT_TRUE(driver_.Start());
  for (uint16_t i = 0; i < driver_.queue_count(); ++i) driver_.queue(i).EnableInterrupt();
  GetParam().flood(*harness_);
  ASSERT_TRUE(harness_->line().Wait());
  const auto state = harness_->SaveAndEnd();
  ASSERT_THAT(state, IsOk());
  DeviceHarness other(GetParam().make_device, &harness_->ram());
  ASSERT_THAT(other.Restore(*state), IsOk());
  EXPECT_TRUE(other.line().Wait());
  EXPECT_EQ(other.driver().Read(VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_VRING);
}

TEST_P(DeviceConformanceTest, RestoresBeforeAnyDriver) {
  const auto state = harness_->Save();
  ASSERT_THAT(state, IsOk());
  DeviceHarness other(GetParam().make_device);
  ASSERT_THAT(other.Restore(*state), IsOk());
  ExpectServesAfterReset(other);
}

TEST_P(DeviceConformanceTest, SurvivesHostileStates) {
  ExpectServesAfterReset();
  const auto state = harness_->Save();
  ASSERT_THAT(state, IsOk());
  DeviceHarness other(GetParam().make_device);
  const auto try_state = [&other](const std::string& bytes) {
    other.Restore(bytes).IgnoreError();
    other.driver().Reset();
  };
  for (size_t length = 0; length < state->size(); ++length) try_state(state->substr(0, length));
  for (size_t at = 0; at < state->size(); ++at) {
    for (const int flip : {0x01, 0x80, 0xff}) {
      std::string bytes = *state;
      bytes[at] = static_cast<char>(bytes[at] ^ flip);
      try_state(bytes);
    }
  }
  ExpectServesAfterReset(other);
}

}  // namespace

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(DeviceConformanceTest);

}  // namespace voidbox

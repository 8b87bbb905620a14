#include "virtio/queue.h"

#include <atomic>
#include <thread>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "virtio/queue_fixture.h"
#include "virtio/testing/driver_queue.h"

namespace voidbox {
namespace {

using ::testing::_;
using ::testing::HasSubstr;

TEST_F(QueueTest, RefusesBadSizes) {
  QueueConfig config = DriverQueue(memory_, kRings, kSize, 0).config();
  for (const int size : {0, 3, 17, 255, 512, 32768, 65535}) {
    config.size = static_cast<uint16_t>(size);
    EXPECT_THAT(Activate(config), StatusIs(absl::StatusCode::kInvalidArgument,
                                           HasSubstr(absl::StrCat("size ", size, " is not"))));
  }
  config.size = 1;
  EXPECT_THAT(Activate(config), IsOk());
}

TEST_F(QueueTest, RefusesRingsOutsideRam) {
  const QueueConfig good = DriverQueue(memory_, kRings, kSize, 0).config();
  for (const uint64_t gpa : {GuestRam::kLowBytes - 32, GuestRam::kLowBytes, uint64_t{2} << 30,
                             GuestRam::kHighStart.value - 16, UINT64_MAX - 15}) {
    QueueConfig config = good;
    config.descriptor_table = {gpa};
    EXPECT_THAT(Activate(config), StatusIs(absl::StatusCode::kOutOfRange, _)) << gpa;
    config = good;
    config.driver_area = {gpa};
    EXPECT_THAT(Activate(config), StatusIs(absl::StatusCode::kOutOfRange, _)) << gpa;
    config = good;
    config.device_area = {gpa};
    EXPECT_THAT(Activate(config), StatusIs(absl::StatusCode::kOutOfRange, _)) << gpa;
  }
}

TEST_F(QueueTest, RefusesMisalignedRings) {
  const QueueConfig good = DriverQueue(memory_, kRings, kSize, 0).config();
  QueueConfig config = good;
  config.descriptor_table.value += 8;
  EXPECT_THAT(Activate(config),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not aligned to 16")));
  config = good;
  config.driver_area.value += 1;
  EXPECT_THAT(Activate(config),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not aligned to 2")));
  config = good;
  config.device_area.value += 2;
  EXPECT_THAT(Activate(config),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not aligned to 4")));
}

TEST_F(QueueTest, RefusesProgressWithChainsInFlight) {
  const QueueConfig config = DriverQueue(memory_, kRings, kSize, 0).config();
  EXPECT_THAT(Activate(config, {.next_available = 3, .next_used = 2}),
              StatusIs(absl::StatusCode::kInvalidArgument, _));
}

TEST_F(QueueTest, EmptyQueueGivesNothing) {
  Start(0);
  const auto chain = queue_->Pop();
  ASSERT_THAT(chain, IsOk());
  EXPECT_FALSE(chain->has_value());
}

TEST_F(QueueTest, GivesReadableAndWritableParts) {
  Start(0);
  ram_.SetText(kData, "hello");
  driver_->Offer({{kData, 3}, {{kData.value + 3}, 2}, {{kData.value + 0x100}, 4, true}});
  DescriptorChain chain = PopOne();
  EXPECT_EQ(chain.reader().remaining(), 5);
  EXPECT_EQ(chain.writer().remaining(), 4);
  EXPECT_EQ(chain.reader().Peek(5).size(), 1) << "neighbours are joined";
  ASSERT_THAT(chain.writer().WriteObject<uint32_t>(0x64636261), IsOk());
  const uint16_t head = chain.head();
  queue_->Complete(std::move(chain), 4);
  EXPECT_EQ(driver_->TakeUsed(), std::nullopt) << "shown before Signal";
  queue_->Signal();
  const auto used = driver_->TakeUsed();
  ASSERT_TRUE(used.has_value());
  EXPECT_EQ(used->id, head);
  EXPECT_EQ(used->len, 4);
  EXPECT_EQ(ram_.Text({kData.value + 0x100}, 4), "abcd");
}

TEST_F(QueueTest, LeavesOutEmptyBuffers) {
  Start(0);
  driver_->Offer({{{UINT64_MAX}, 0}, {kData, 1}, {{UINT64_MAX}, 0, true}});
  DescriptorChain chain = PopOne();
  EXPECT_EQ(chain.reader().remaining(), 1);
  EXPECT_EQ(chain.writer().remaining(), 0);
}

TEST_F(QueueTest, WrapsAroundManyTimes) {
  Start(kAllFeatures, 4);
  for (int i = 0; i < 70000; ++i) {
    const uint16_t head = driver_->Offer({{kData, 1}, {{kData.value + 8}, 1, true}});
    DescriptorChain chain = PopOne();
    ASSERT_EQ(chain.head(), head);
    queue_->Complete(std::move(chain), 1);
    queue_->Signal();
    const auto used = driver_->TakeUsed();
    ASSERT_TRUE(used.has_value());
    ASSERT_EQ(used->id, head);
  }
}

TEST_F(QueueTest, CompletesOutOfOrder) {
  Start(0);
  const uint16_t first = driver_->Offer({{kData, 1}});
  const uint16_t second = driver_->Offer({{kData, 2}});
  DescriptorChain one = PopOne();
  DescriptorChain two = PopOne();
  EXPECT_EQ(queue_->in_flight(), 2);
  queue_->Complete(std::move(two), 0);
  queue_->Complete(std::move(one), 0);
  queue_->Signal();
  EXPECT_EQ(driver_->TakeUsed()->id, second);
  EXPECT_EQ(driver_->TakeUsed()->id, first);
}

TEST_F(QueueTest, ReturnedChainComesAgain) {
  Start(0);
  const uint16_t first = driver_->Offer({{kData, 1}});
  const uint16_t second = driver_->Offer({{kData, 2}});
  DescriptorChain one = PopOne();
  DescriptorChain two = PopOne();
  queue_->Return(std::move(two));
  queue_->Return(std::move(one));
  EXPECT_EQ(queue_->progress().next_available, 0);
  EXPECT_EQ(PopOne().head(), first);
  EXPECT_EQ(PopOne().head(), second);
}

TEST_F(QueueTest, GoesOnFromSavedProgress) {
  Start(kAllFeatures);
  for (int i = 0; i < 3; ++i) {
    driver_->Offer({{kData, 1}});
    queue_->Complete(PopOne(), 0);
  }
  queue_->Signal();
  const uint16_t head = driver_->Offer({{kData, 1}});
  auto restored = Queue::Activate(driver_->config(), kMaxQueueSize, kAllFeatures, memory_,
                                  interrupt_, queue_->progress());
  ASSERT_THAT(restored, IsOk());
  queue_.emplace(*std::move(restored));
  DescriptorChain chain = PopOne();
  EXPECT_EQ(chain.head(), head);
  queue_->Complete(std::move(chain), 0);
  queue_->Signal();
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(driver_->TakeUsed().has_value());
  EXPECT_EQ(driver_->TakeUsed(), std::nullopt);
}

TEST_F(QueueTest, InterruptsOncePerBatch) {
  Start(0);
  for (int i = 0; i < 3; ++i) driver_->Offer({{kData, 1}});
  for (int i = 0; i < 3; ++i) queue_->Complete(PopOne(), 0);
  queue_->Signal();
  queue_->Signal();
  EXPECT_EQ(interrupt_.count(), 1);
}

TEST_F(QueueTest, HonoursNoInterruptFlag) {
  Start(0);
  driver_->DisableInterrupt();
  driver_->Offer({{kData, 1}});
  queue_->Complete(PopOne(), 0);
  queue_->Signal();
  EXPECT_EQ(interrupt_.count(), 0);
  EXPECT_TRUE(driver_->TakeUsed().has_value());
}

TEST_F(QueueTest, HonoursUsedEvent) {
  Start(kAllFeatures);
  const auto complete_one = [this] {
    driver_->Offer({{kData, 1}});
    queue_->Complete(PopOne(), 0);
    queue_->Signal();
  };
  complete_one();
  EXPECT_EQ(interrupt_.count(), 1) << "used_event is 0: interrupt at the first";
  complete_one();
  complete_one();
  EXPECT_EQ(interrupt_.count(), 1) << "not asked for again";
  while (driver_->TakeUsed().has_value()) continue;
  driver_->EnableInterrupt();
  complete_one();
  EXPECT_EQ(interrupt_.count(), 2);
}

TEST_F(QueueTest, AsksForNotificationsWithEventIndex) {
  Start(kAllFeatures);
  EXPECT_FALSE(queue_->EnableNotification());
  driver_->Offer({{kData, 1}});
  EXPECT_TRUE(driver_->NotificationWanted());
  driver_->Offer({{kData, 1}});
  EXPECT_FALSE(driver_->NotificationWanted()) << "one per EnableNotification";
  EXPECT_TRUE(queue_->EnableNotification()) << "chains are there already";
  PopOne();
  PopOne();
  EXPECT_FALSE(queue_->EnableNotification());
  driver_->Offer({{kData, 1}});
  EXPECT_TRUE(driver_->NotificationWanted());
}

TEST_F(QueueTest, AsksForNotificationsWithFlags) {
  Start(0);
  queue_->DisableNotification();
  driver_->Offer({{kData, 1}});
  EXPECT_FALSE(driver_->NotificationWanted());
  EXPECT_TRUE(queue_->EnableNotification());
  PopOne();
  EXPECT_FALSE(queue_->EnableNotification());
  driver_->Offer({{kData, 1}});
  EXPECT_TRUE(driver_->NotificationWanted());
}

// A driver on a thread of its own and a device that both sleep when they have nothing to do: a lost
// wake-up on either side leaves the test hanging.
TEST_F(QueueTest, LosesNoWakeUpBetweenThreads) {
  constexpr int kRequests = 20000;
  for (const uint64_t features : {uint64_t{0}, kAllFeatures}) {
    class Event {
     public:
      void Set() {
        set_.store(true);
        set_.notify_one();
      }
      void Wait() {
        set_.wait(false);
        set_.store(false);
      }

     private:
      std::atomic<bool> set_ = false;
    };
    class EventInterrupt final : public Interrupt {
     public:
      void RaiseQueue() override { event.Set(); }
      void RaiseConfig() override {}
      Event event;
    };
    EventInterrupt interrupt;
    Event notify;
    DriverQueue driver(memory_, kRings, kSize, features);
    auto queue = Queue::Activate(driver.config(), kSize, features, memory_, interrupt);
    ASSERT_THAT(queue, IsOk());

    std::thread device([&] {
      int done = 0;
      while (done < kRequests) {
        queue->DisableNotification();
        auto chain = queue->Pop();
        ASSERT_THAT(chain, IsOk());
        if (chain->has_value()) {
          const auto value = (*chain)->reader().ReadObject<uint32_t>();
          ASSERT_THAT(value, IsOk());
          ASSERT_EQ(*value, static_cast<uint32_t>(done));
          queue->Complete(**std::move(chain), 0);
          ++done;
          continue;
        }
        queue->Signal();
        if (!queue->EnableNotification()) notify.Wait();
      }
      queue->Signal();
    });

    int offered = 0;
    int taken = 0;
    while (taken < kRequests) {
      while (offered < kRequests && driver.free() > 0) {
        // Each descriptor is one slot of data memory, by the request's number.
        const GuestAddress slot = {kData.value + 4 * (offered % kSize)};
        ASSERT_THAT(memory_.WriteObject<uint32_t>(slot, offered), IsOk());
        driver.Offer({{slot, 4}});
        ++offered;
      }
      if (driver.NotificationWanted()) notify.Set();
      driver.EnableInterrupt();
      int got = 0;
      while (driver.TakeUsed().has_value()) ++got;
      taken += got;
      if (got == 0) interrupt.event.Wait();
    }
    device.join();
  }
}

}  // namespace
}  // namespace voidbox

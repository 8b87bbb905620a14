#ifndef VOIDBOX_VIRTIO_QUEUE_FIXTURE_H_
#define VOIDBOX_VIRTIO_QUEUE_FIXTURE_H_

#include <atomic>
#include <optional>
#include <utility>

#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "virtio/queue.h"
#include "virtio/testing/driver_queue.h"
#include "virtio/testing/guest_ram.h"

namespace voidbox {

inline constexpr GuestAddress kRings = {0x10000};
inline constexpr GuestAddress kData = {0x40000};
inline constexpr uint16_t kSize = 16;
inline constexpr uint64_t kAllFeatures =
    FeatureMask(VIRTIO_F_EVENT_IDX) | FeatureMask(VIRTIO_F_INDIRECT_DESC);

class CountingInterrupt final : public Interrupt {
 public:
  void RaiseQueue() override { ++count_; }
  void RaiseConfig() override {}
  int count() const { return count_; }

 private:
  std::atomic<int> count_ = 0;
};

class QueueTest : public ::testing::Test {
 protected:
  void Start(uint64_t features, uint16_t size = kSize) {
    driver_.emplace(memory_, kRings, size, features);
    auto queue = Queue::Activate(driver_->config(), kMaxQueueSize, features, memory_, interrupt_);
    ASSERT_THAT(queue, IsOk());
    queue_.emplace(*std::move(queue));
  }

  absl::StatusOr<Queue> Activate(const QueueConfig& config, QueueProgress progress = {}) {
    return Queue::Activate(config, kMaxQueueSize, 0, memory_, interrupt_, progress);
  }

  // What Pop says about a chain whose descriptors the test has written itself.
  absl::Status PopStatus(uint16_t head) {
    driver_->MakeAvailable(head);
    return queue_->Pop().status();
  }

  DescriptorChain PopOne() {
    auto chain = queue_->Pop();
    EXPECT_THAT(chain, IsOk());
    EXPECT_TRUE(chain->has_value());
    return **std::move(chain);
  }

  GuestRam ram_;
  const GuestMemory& memory_ = ram_.memory();
  CountingInterrupt interrupt_;
  std::optional<DriverQueue> driver_;
  std::optional<Queue> queue_;
};

}  // namespace voidbox

#endif  // VOIDBOX_VIRTIO_QUEUE_FIXTURE_H_

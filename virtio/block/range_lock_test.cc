#include "virtio/block/range_lock.h"

#include <atomic>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace voidbox {
namespace {

TEST(RangeLockTest, ApartRangesAreHeldTogether) {
  RangeLock lock;
  const RangeLock::Held low(lock, 0, 10);
  const RangeLock::Held high(lock, 10, 11);  // does not wait
}

TEST(RangeLockTest, TryingTakesOnlyWhatIsFree) {
  RangeLock lock;
  {
    const RangeLock::Held held(lock, 4, 8);
    EXPECT_FALSE(RangeLock::TryHeld(lock, 7, 9));
    const RangeLock::TryHeld free(lock, 8, 9);
    EXPECT_TRUE(free);
    EXPECT_FALSE(RangeLock::TryHeld(lock, 8, 9));
  }
  EXPECT_TRUE(RangeLock::TryHeld(lock, 0, 10));
  EXPECT_TRUE(RangeLock::TryHeld(lock, 0, 10)) << "the one before has let go";
}

// Plain numbers: ThreadSanitizer sees what the lock does not order.
TEST(RangeLockTest, OverlappingRangesExcludeEachOther) {
  constexpr int kNumbers = 8;
  constexpr int kRounds = 2000;
  RangeLock lock;
  std::vector<int> counts(kNumbers);
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      for (int round = 0; round < kRounds; ++round) {
        const uint64_t first = static_cast<uint64_t>((round * 3 + thread) % (kNumbers - 2));
        if (const RangeLock::TryHeld held(lock, first, first + 3); held) {
          for (uint64_t i = first; i < first + 3; ++i) ++counts[i];
          continue;
        }
        const RangeLock::Held held(lock, first, first + 3);
        for (uint64_t i = first; i < first + 3; ++i) ++counts[i];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  int total = 0;
  for (const int count : counts) total += count;
  EXPECT_EQ(total, 4 * kRounds * 3);
}

}  // namespace
}  // namespace voidbox

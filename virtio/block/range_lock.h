#ifndef VOIDBOX_VIRTIO_BLOCK_RANGE_LOCK_H_
#define VOIDBOX_VIRTIO_BLOCK_RANGE_LOCK_H_

#include <cstdint>
#include <vector>

#include "base/mutex.h"

namespace voidbox {

// Lets one thread at a time work on each number of a range. Any thread; a thread holds one range.
class RangeLock {
 public:
  // [first, limit), until it goes out of scope.
  class Held {
   public:
    // Waits until nobody holds any of it. `lock` outlives this.
    Held(RangeLock& lock, uint64_t first, uint64_t limit);
    ~Held();
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;

   private:
    RangeLock& lock_;
    const uint64_t first_;
  };
  // The same unless somebody holds some of it; never waits.
  class TryHeld {
   public:
    TryHeld(RangeLock& lock, uint64_t first, uint64_t limit);
    ~TryHeld();
    TryHeld(const TryHeld&) = delete;
    TryHeld& operator=(const TryHeld&) = delete;
    explicit operator bool() const { return held_; }

   private:
    RangeLock& lock_;
    const uint64_t first_;
    const bool held_;
  };

 private:
  struct Range {
    uint64_t first;
    uint64_t limit;
  };

  bool IsFree(uint64_t first, uint64_t limit) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool TryTake(uint64_t first, uint64_t limit);
  void Release(uint64_t first);

  Mutex mutex_;
  CondVar released_;
  std::vector<Range> held_ ABSL_GUARDED_BY(mutex_);  // one for each thread, at most
};

}  // namespace voidbox

#endif  // VOIDBOX_VIRTIO_BLOCK_RANGE_LOCK_H_

#include "virtio/block/range_lock.h"

#include <algorithm>

namespace voidbox {

bool RangeLock::IsFree(uint64_t first, uint64_t limit) const {
  return std::none_of(held_.begin(), held_.end(), [first, limit](const Range& range) {
    return range.first < limit && first < range.limit;
  });
}

bool RangeLock::TryTake(uint64_t first, uint64_t limit) {
  MutexLock guard(mutex_);
  if (!IsFree(first, limit)) return false;
  held_.push_back({first, limit});
  return true;
}

void RangeLock::Release(uint64_t first) {
  {
    MutexLock guard(mutex_);
    // Ranges that are held do not overlap, so the first number tells them apart.
    const auto own = std::find_if(held_.begin(), held_.end(),
                                  [first](const Range& range) { return range.first == first; });
    *own = held_.back();
    held_.pop_back();
  }
  released_.NotifyAll();
}

RangeLock::Held::Held(RangeLock& lock, uint64_t first, uint64_t limit)
    : lock_(lock), first_(first) {
  MutexLock guard(lock_.mutex_);
  while (!lock_.IsFree(first, limit)) lock_.released_.Wait(lock_.mutex_);
  lock_.held_.push_back({first, limit});
}

RangeLock::Held::~Held() { lock_.Release(first_); }

RangeLock::TryHeld::TryHeld(RangeLock& lock, uint64_t first, uint64_t limit)
    : lock_(lock), first_(first), held_(lock.TryTake(first, limit)) {}

RangeLock::TryHeld::~TryHeld() {
  if (held_) lock_.Release(first_);
}

}  // namespace voidbox

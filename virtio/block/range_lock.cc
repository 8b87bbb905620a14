#include "virtio/block/range_lock.h"

#include <algorithm>

namespace voidbox {

RangeLock::Held::Held(RangeLock& lock, uint64_t first, uint64_t limit)
    : lock_(lock), first_(first) {
  const auto overlaps = [first, limit](const Range& range) {
    return range.first < limit && first < range.limit;
  };
  MutexLock guard(lock_.mutex_);
  while (std::any_of(lock_.held_.begin(), lock_.held_.end(), overlaps)) {
    lock_.released_.Wait(lock_.mutex_);
  }
  lock_.held_.push_back({first, limit});
}

RangeLock::Held::~Held() {
  {
    MutexLock guard(lock_.mutex_);
    // Ranges that are held do not overlap, so the first number tells them apart.
    const auto own = std::find_if(lock_.held_.begin(), lock_.held_.end(),
                                  [this](const Range& range) { return range.first == first_; });
    *own = lock_.held_.back();
    lock_.held_.pop_back();
  }
  lock_.released_.NotifyAll();
}

}  // namespace voidbox

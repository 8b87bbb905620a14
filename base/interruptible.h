#ifndef VOIDBOX_BASE_INTERRUPTIBLE_H_
#define VOIDBOX_BASE_INTERRUPTIBLE_H_

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace voidbox {

// Waits that a descriptor ends: `interrupt` is one that becomes readable (a signalfd, an eventfd),
// or -1 for none. They return CANCELLED then and leave what there is to read of it. Without it, a
// program that takes its signals as events could not be ended while it waits. Any thread.

// Until there is something to read of `fd`, its end included. DEADLINE_EXCEEDED after `limit`.
absl::Status WaitReadable(int fd, int interrupt, absl::Duration limit = absl::InfiniteDuration());

// Takes an exclusive flock(2) lock on the open file of `fd`, waiting for others to release it. When
// interrupted, the lock may be held all the same: the caller closes `fd`.
absl::Status LockExclusively(int fd, int interrupt);

}  // namespace voidbox

#endif  // VOIDBOX_BASE_INTERRUPTIBLE_H_

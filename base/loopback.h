#ifndef VOIDBOX_BASE_LOOPBACK_H_
#define VOIDBOX_BASE_LOOPBACK_H_

#include "absl/status/status.h"

namespace voidbox {

// Brings up `lo` of the caller's network namespace, by which the kernel gives it 127.0.0.1 and ::1.
// For PID 1 of a machine; needs CAP_NET_ADMIN.
absl::Status BringUpLoopback();

}  // namespace voidbox

#endif  // VOIDBOX_BASE_LOOPBACK_H_

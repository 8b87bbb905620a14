#ifndef VOIDBOX_AGENT_MACHINE_CLOCK_H_
#define VOIDBOX_AGENT_MACHINE_CLOCK_H_

#include <cstdint>

#include "absl/status/status.h"

namespace voidbox {

// OK for a time that a host can mean: from 2000-01-01 on, and before 2200-01-01 (Linux refuses
// times of the 23rd century). INVALID_ARGUMENT otherwise. Nanoseconds since 1970.
absl::Status CheckRealtime(int64_t realtime_ns);

// Sets CLOCK_REALTIME, after the same check.
absl::Status SetRealtime(int64_t realtime_ns);

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_MACHINE_CLOCK_H_

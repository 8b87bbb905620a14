#ifndef VOIDBOX_SANDBOX_PROCESS_IDENTITY_H_
#define VOIDBOX_SANDBOX_PROCESS_IDENTITY_H_

#include <sys/types.h>

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace voidbox {

// A process as one boot of the machine knows it: numbers are used again, but not with the same
// start time.
struct ProcessIdentity {
  pid_t pid = 0;
  uint64_t start_time = 0;  // clock ticks since boot, field 22 of /proc/PID/stat
};

// NOT_FOUND when there is no such process, or only its zombie.
absl::StatusOr<ProcessIdentity> IdentifyProcess(pid_t pid);
bool IsAlive(const ProcessIdentity& process);

// From the contents of /proc/PID/stat (proc(5)); NOT_FOUND for a zombie, DATA_LOSS when they make
// no sense.
absl::StatusOr<uint64_t> ParseStartTime(absl::string_view stat);

}  // namespace voidbox

#endif  // VOIDBOX_SANDBOX_PROCESS_IDENTITY_H_

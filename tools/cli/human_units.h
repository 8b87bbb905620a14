#ifndef VOIDBOX_TOOLS_CLI_HUMAN_UNITS_H_
#define VOIDBOX_TOOLS_CLI_HUMAN_UNITS_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"

namespace voidbox {

// "512 B", "11.3 MiB", "2.0 GiB": powers of 1024, three digits at most.
std::string HumanBytes(uint64_t bytes);

// "3 s", "2 min 5 s", "1 h 30 min"; rounded to seconds.
std::string HumanDuration(absl::Duration duration);

// "2026-01-31 12:00" in the time zone of this machine.
std::string HumanTime(int64_t unix_seconds);

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_HUMAN_UNITS_H_

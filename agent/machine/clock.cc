#include "agent/machine/clock.h"

#include <time.h>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

constexpr int64_t kSecondsOf2000 = 946'684'800;
constexpr int64_t kSecondsOf2200 = 7'258'118'400;
constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;

}  // namespace

absl::Status CheckRealtime(int64_t realtime_ns) {
  if (realtime_ns >= kSecondsOf2000 * kNanosecondsPerSecond &&
      realtime_ns < kSecondsOf2200 * kNanosecondsPerSecond) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("time: ", realtime_ns, " ns since 1970 is not in the years 2000 to 2199"));
}

absl::Status SetRealtime(int64_t realtime_ns) {
  RETURN_IF_ERROR(CheckRealtime(realtime_ns));
  const timespec time = {.tv_sec = realtime_ns / kNanosecondsPerSecond,
                         .tv_nsec = realtime_ns % kNanosecondsPerSecond};
  if (::clock_settime(CLOCK_REALTIME, &time) != 0) return ErrnoStatus("clock_settime");
  return absl::OkStatus();
}

}  // namespace voidbox

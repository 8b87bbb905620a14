#include "agent/exec_limits.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

absl::Status CheckRange(absl::string_view field, uint64_t value, uint64_t least, uint64_t most) {
  if (value == 0 || (value >= least && value <= most)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("limits.", field, ": ", value, " is outside ",
                                                 least, " to ", most, " (0 is the default)"));
}

}  // namespace

absl::StatusOr<ExecLimits> ParseLimits(const agent::ExecLimits& limits) {
  RETURN_IF_ERROR(CheckRange("memory_bytes", limits.memory_bytes(), kMinMemoryBytes, INT64_MAX));
  RETURN_IF_ERROR(CheckRange("cpu_millis", limits.cpu_millis(), kMinCpuMillis, kMaxCpuMillis));
  RETURN_IF_ERROR(CheckRange("file_bytes", limits.file_bytes(), 1, INT64_MAX));
  RETURN_IF_ERROR(CheckRange("open_files", limits.open_files(), kMinOpenFiles, kMaxOpenFiles));
  return ExecLimits{.memory_bytes = limits.memory_bytes(),
                    .processes = limits.processes(),
                    .cpu_millis = limits.cpu_millis(),
                    .file_bytes = limits.file_bytes(),
                    .open_files = limits.open_files()};
}

}  // namespace voidbox

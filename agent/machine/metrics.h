#ifndef VOIDBOX_AGENT_MACHINE_METRICS_H_
#define VOIDBOX_AGENT_MACHINE_METRICS_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "agent/agent.pb.h"

namespace voidbox {

// Where the numbers come from.
struct MetricsSources {
  std::string proc = "/proc";
  std::string root = "/";
  std::string workspace = "/home/user";
};

// What the guest's kernel says of itself; `running_execs` is left to the caller. A workspace that
// is not there counts as 0.
absl::StatusOr<agent::Metrics> ReadMetrics(const MetricsSources& sources = {});

// The parts, each from the text of a file of proc(5). INVALID_ARGUMENT when a value that is always
// there is missing or no number.
absl::Status ParseStat(absl::string_view text, uint64_t ticks_per_second, agent::Metrics& metrics);
absl::Status ParseMemory(absl::string_view text, agent::Metrics& metrics);          // meminfo
absl::Status ParseLoad(absl::string_view text, agent::Metrics& metrics);            // loadavg
absl::Status ParseNetworkDevices(absl::string_view text, agent::Metrics& metrics);  // net/dev
absl::Status ParseUptime(absl::string_view text, agent::Metrics& metrics);          // uptime
// Resident pages of self/statm.
absl::Status ParseOwnMemory(absl::string_view text, uint64_t page_bytes, agent::Metrics& metrics);

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_MACHINE_METRICS_H_

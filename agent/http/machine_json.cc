#include "agent/http/machine_json.h"

namespace voidbox {

using nlohmann::json;

json HealthJson(const agent::ServerFrame& frame) {
  const agent::HealthReply& health = frame.health();
  return {{"status", "ok"},
          {"version", health.version()},
          {"uptimeMs", health.uptime_ms()},
          {"runningExecs", health.running_execs()}};
}

json MetricsJson(const agent::ServerFrame& frame) {
  const agent::Metrics& metrics = frame.metrics();
  const auto load = [](uint32_t millis) { return millis / 1000.0; };
  return {{"uptimeMs", metrics.uptime_ms()},
          {"cpu",
           {{"count", metrics.cpus()},
            {"userMs", metrics.cpu_user_ms()},
            {"systemMs", metrics.cpu_system_ms()},
            {"idleMs", metrics.cpu_idle_ms()}}},
          {"memory",
           {{"totalBytes", metrics.memory_total_bytes()},
            {"availableBytes", metrics.memory_available_bytes()},
            {"freeBytes", metrics.memory_free_bytes()},
            {"cachedBytes", metrics.memory_cached_bytes()}}},
          {"load", json::array({load(metrics.load_1_millis()), load(metrics.load_5_millis()),
                                load(metrics.load_15_millis())})},
          {"processes", metrics.processes()},
          {"runningExecs", metrics.running_execs()},
          {"leftExecs", metrics.left_execs()},
          {"leftProcesses", metrics.left_processes()},
          {"disk",
           {{"totalBytes", metrics.disk_total_bytes()},
            {"availableBytes", metrics.disk_available_bytes()}}},
          {"workspace",
           {{"totalBytes", metrics.workspace_total_bytes()},
            {"availableBytes", metrics.workspace_available_bytes()}}},
          {"network",
           {{"receivedBytes", metrics.network_received_bytes()},
            {"sentBytes", metrics.network_sent_bytes()}}},
          {"agent", {{"residentBytes", metrics.agent_resident_bytes()}}}};
}

}  // namespace voidbox

#include "tools/cli/sandbox/guest_json.h"

#include <string>

namespace voidbox {
namespace {

const char* NameOf(agent::ExecEnded::Reason reason) {
  switch (reason) {
    case agent::ExecEnded::EXITED:
      return "exited";
    case agent::ExecEnded::SIGNALED:
      return "signaled";
    case agent::ExecEnded::TIMED_OUT:
      return "timed out";
    case agent::ExecEnded::OUT_OF_MEMORY:
      return "out of memory";
    case agent::ExecEnded::NOT_STARTED:
      return "not started";
    default:
      return "unknown";
  }
}

}  // namespace

nlohmann::json ToJson(const agent::Metrics& metrics) {
  return {
      {"uptime_ms", metrics.uptime_ms()},
      {"cpus", metrics.cpus()},
      {"cpu_user_ms", metrics.cpu_user_ms()},
      {"cpu_system_ms", metrics.cpu_system_ms()},
      {"cpu_idle_ms", metrics.cpu_idle_ms()},
      {"memory_total_bytes", metrics.memory_total_bytes()},
      {"memory_available_bytes", metrics.memory_available_bytes()},
      {"memory_free_bytes", metrics.memory_free_bytes()},
      {"memory_cached_bytes", metrics.memory_cached_bytes()},
      {"load_1", metrics.load_1_millis() / 1000.0},
      {"load_5", metrics.load_5_millis() / 1000.0},
      {"load_15", metrics.load_15_millis() / 1000.0},
      {"processes", metrics.processes()},
      {"running_execs", metrics.running_execs()},
      {"left_execs", metrics.left_execs()},
      {"left_processes", metrics.left_processes()},
      {"disk_total_bytes", metrics.disk_total_bytes()},
      {"disk_available_bytes", metrics.disk_available_bytes()},
      {"workspace_total_bytes", metrics.workspace_total_bytes()},
      {"workspace_available_bytes", metrics.workspace_available_bytes()},
      {"agent_resident_bytes", metrics.agent_resident_bytes()},
      {"network_received_bytes", metrics.network_received_bytes()},
      {"network_sent_bytes", metrics.network_sent_bytes()},
  };
}

nlohmann::json ToJson(const agent::ExecEnded& ended) {
  nlohmann::json json = {{"reason", NameOf(ended.reason())},
                         {"exit_code", ended.exit_code()},
                         {"signal", ended.signal()},
                         {"duration_us", ended.duration_us()}};
  if (ended.left_running()) json["left_running"] = true;
  if (!ended.message().empty()) json["message"] = ended.message();
  return json;
}

nlohmann::json ToJson(const agent::ExecList& execs) {
  nlohmann::json list = nlohmann::json::array();
  for (const agent::ExecInfo& exec : execs.execs()) {
    nlohmann::json json = {{"id", exec.id()},
                           {"pid", exec.pid()},
                           {"argv", nlohmann::json::array()},
                           {"age_us", exec.age_us()},
                           {"keep", exec.keep()},
                           {"attached", exec.attached()},
                           {"left_processes", exec.left_processes()},
                           {"uid", exec.uid()},
                           {"isolation", exec.isolation() == agent::JAIL ? "jail" : "rootfs"}};
    for (const std::string& argument : exec.argv()) json["argv"].push_back(argument);
    if (exec.has_ended()) json["ended"] = ToJson(exec.ended());
    list.push_back(std::move(json));
  }
  return list;
}

}  // namespace voidbox

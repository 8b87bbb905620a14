#include "tools/cli/sandbox/inspect_command.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/status/statusor.h"
#include "base/status_macros.h"
#include "tools/cli/exit_status.h"
#include "tools/cli/output_format.h"
#include "tools/cli/sandbox/ask.h"
#include "tools/cli/sandbox/guest_json.h"
#include "tools/cli/sandbox/sandboxes.h"

namespace voidbox {
namespace {

absl::StatusOr<nlohmann::json> GuestOf(const Sandboxes& sandboxes, const SandboxRecord& record) {
  ASSIGN_OR_RETURN(UniqueFd vsock, sandboxes.Connect(record, kVsockSocket));
  agent::Request request;
  request.mutable_metrics();
  ASSIGN_OR_RETURN(const agent::ServerFrame metrics,
                   AskAgent(std::move(vsock), request, agent::ServerFrame::kMetrics));
  ASSIGN_OR_RETURN(vsock, sandboxes.Connect(record, kVsockSocket));
  request.mutable_list_execs();
  ASSIGN_OR_RETURN(const agent::ServerFrame execs,
                   AskAgent(std::move(vsock), request, agent::ServerFrame::kExecs));
  return nlohmann::json{{"metrics", ToJson(metrics.metrics())}, {"execs", ToJson(execs.execs())}};
}

absl::StatusOr<nlohmann::json> VmmOf(const Sandboxes& sandboxes, const SandboxRecord& record) {
  ASSIGN_OR_RETURN(UniqueFd control, sandboxes.Connect(record, kControlSocket));
  vmm::ControlRequest request;
  request.mutable_metrics();
  ASSIGN_OR_RETURN(const vmm::ControlReply reply, AskVmm(std::move(control), request));
  return nlohmann::json{
      {"state", reply.state() == vmm::ControlReply::PAUSED ? "paused" : "running"},
      {"vcpu_exits", reply.metrics().vcpu_exits()},
      {"console_bytes", reply.metrics().console_bytes()},
      {"console_dropped_bytes", reply.metrics().console_dropped_bytes()}};
}

// What does not answer is told of with its reason.
nlohmann::json OrError(const absl::StatusOr<nlohmann::json>& json) {
  return json.ok() ? *json : nlohmann::json{{"error", json.status().message()}};
}

}  // namespace

FlagParser InspectSandboxCommand::AddTo(FlagParser app) {
  const FlagParser inspect = app.AddCommand("inspect", "Tell all of sandboxes, as JSON");
  inspect.Add("ID", names_, "names, ids or beginnings of ids").Required();
  inspect.SetFooter("Example:\n  voidbox inspect web | jq '.[0].guest.metrics.memory_total_bytes'");
  return inspect;
}

int InspectSandboxCommand::Inspect() const {
  auto sandboxes = Sandboxes::Open();
  if (!sandboxes.ok()) return ExitStatusOf(sandboxes.status());
  nlohmann::json list = nlohmann::json::array();
  int result = 0;
  for (const std::string& name : names_) {
    const auto record = sandboxes->Find(name);
    if (!record.ok()) {
      result = ExitStatusOf(record.status());
      continue;
    }
    nlohmann::json json = ToJson(*record);
    json["state"] = HasEnded(*record) ? "ended" : "running";
    if (record->detached) json["logs"] = sandboxes->detached().Directory(record->id);
    if (!HasEnded(*record)) {
      json["vmm"] = OrError(VmmOf(*sandboxes, *record));
      json["guest"] = OrError(GuestOf(*sandboxes, *record));
    }
    list.push_back(std::move(json));
  }
  PrintJson(list);
  return result;
}

int InspectSandboxCommand::Run(const Invocation&) { return Inspect(); }

}  // namespace voidbox

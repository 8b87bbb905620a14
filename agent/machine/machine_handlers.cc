#include "agent/machine/machine_handlers.h"

#include <utility>

#include "agent/machine/clock.h"
#include "agent/machine/metrics.h"
#include "agent/machine/resume.h"
#include "agent/net/firewall.h"
#include "agent/net/network_config.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

using agent::Request;
using agent::ServerFrame;

constexpr char kEtc[] = "/etc";

absl::Status SetFirewall(const Request& request) {
  ASSIGN_OR_RETURN(const FirewallPolicy policy, ParseFirewallRequest(request.firewall()));
  return ApplyFirewall(policy);
}

absl::Status SetNetwork(const Request& request) {
  ASSIGN_OR_RETURN(const NetworkConfig config, ParseNetworkRequest(request.network()));
  return ApplyNetworkConfig(config, std::string(kEtc) + "/resolv.conf");
}

absl::Status SetTime(const Request& request) {
  return SetRealtime(request.time_sync().realtime_ns());
}

absl::Status Resume(const Request& request) {
  ASSIGN_OR_RETURN(const Identity identity, ParseResumeRequest(request.resume()));
  return ApplyIdentity(identity, kEtc);
}

// Answers with Done.
CallHandler Doing(absl::Status (*action)(const Request&)) {
  return CallAnswerer([action](const Request& request) -> absl::StatusOr<ServerFrame> {
    RETURN_IF_ERROR(action(request));
    ServerFrame frame;
    frame.mutable_done();
    return frame;
  });
}

CallHandler Metrics(std::function<void(agent::Metrics&)> add_execs) {
  return CallAnswerer(
      [add_execs = std::move(add_execs)](const Request&) -> absl::StatusOr<ServerFrame> {
        ServerFrame frame;
        ASSIGN_OR_RETURN(*frame.mutable_metrics(), ReadMetrics());
        add_execs(*frame.mutable_metrics());
        return frame;
      });
}

}  // namespace

CallHandlers MachineHandlers(std::function<void(agent::Metrics&)> add_execs) {
  return {{Request::kMetrics, Metrics(std::move(add_execs))},
          {Request::kFirewall, Doing(SetFirewall)},
          {Request::kNetwork, Doing(SetNetwork)},
          {Request::kTimeSync, Doing(SetTime)},
          {Request::kResume, Doing(Resume)}};
}

}  // namespace voidbox

#ifndef VOIDBOX_AGENT_HTTP_REQUEST_FIELDS_H_
#define VOIDBOX_AGENT_HTTP_REQUEST_FIELDS_H_

#include <string>

#include "absl/status/statusor.h"
#include "agent/agent.pb.h"
#include "nlohmann/json.hpp"

namespace voidbox {

// Requests of agent.proto out of JSON bodies. INVALID_ARGUMENT with the field that is wrong or
// unknown; what agent.proto bounds is checked by who serves the call.

// {cmd | argv[], cwd, env{}, timeoutMs, stdin | stdinBase64, isolation, user, limits{}}. The jail
// is the default.
absl::StatusOr<agent::Request> ExecRequestOf(const nlohmann::json& body);
// {code | path, args[], env{}, allowNet, timeoutMs, stdin | stdinBase64, limits{}}
absl::StatusOr<agent::Request> RunTsRequestOf(const nlohmann::json& body);
// {allowIps[], outboundInternet}
absl::StatusOr<agent::Request> FirewallRequestOf(const nlohmann::json& body);
// {interface, addresses[], gateways[], nameServers[], mtu, mac}
absl::StatusOr<agent::Request> NetworkRequestOf(const nlohmann::json& body);
// {unixMs}
absl::StatusOr<agent::Request> TimeSyncRequestOf(const nlohmann::json& body);

// Standard input for a command: nothing when neither field is there.
absl::StatusOr<std::string> InputOf(const nlohmann::json& body);

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_HTTP_REQUEST_FIELDS_H_

#ifndef VOIDBOX_AGENT_HTTP_MACHINE_JSON_H_
#define VOIDBOX_AGENT_HTTP_MACHINE_JSON_H_

#include "agent/agent.pb.h"
#include "nlohmann/json.hpp"

namespace voidbox {

// The answers of GET /health and GET /metrics. What the frame lacks is 0.
nlohmann::json HealthJson(const agent::ServerFrame& frame);
nlohmann::json MetricsJson(const agent::ServerFrame& frame);

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_HTTP_MACHINE_JSON_H_

#ifndef VOIDBOX_TOOLS_CLI_SANDBOX_GUEST_JSON_H_
#define VOIDBOX_TOOLS_CLI_SANDBOX_GUEST_JSON_H_

#include <nlohmann/json.hpp>

#include "agent/agent.pb.h"

namespace voidbox {

// What a guest's agent answers, for programs; the names are those of agent.proto.
nlohmann::json ToJson(const agent::Metrics& metrics);
nlohmann::json ToJson(const agent::ExecList& execs);
nlohmann::json ToJson(const agent::ExecEnded& ended);

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_SANDBOX_GUEST_JSON_H_

#ifndef VOIDBOX_AGENT_PORTS_H_
#define VOIDBOX_AGENT_PORTS_H_

#include <cstddef>
#include <cstdint>

namespace voidbox {

// Of a call's first frame: an exec's strings, which Linux bounds at 2 MiB, and their envelopes.
inline constexpr size_t kMaxRequestBytes = 4 << 20;

// vsock ports, see agent.proto.
inline constexpr uint32_t kAgentPort = 1234;  // of the guest: calls
inline constexpr uint32_t kHttpPort = 8080;   // of the guest: the same calls over HTTP
inline constexpr uint32_t kReadyPort = 1235;  // of the host: takes the agent's Ready

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_PORTS_H_

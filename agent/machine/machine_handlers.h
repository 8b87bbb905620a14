#ifndef VOIDBOX_AGENT_MACHINE_MACHINE_HANDLERS_H_
#define VOIDBOX_AGENT_MACHINE_MACHINE_HANDLERS_H_

#include <functional>

#include "agent/agent.pb.h"
#include "agent/call.h"

namespace voidbox {

// Handlers of the calls that read or change the guest as a whole: metrics, firewall, network, time
// and resume. Each is answered at once. For PID 1 of a guest: they change the machine they run on.
//
// `add_execs` says what there is to say of execs, at each MetricsRequest.
CallHandlers MachineHandlers(std::function<void(agent::Metrics&)> add_execs);

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_MACHINE_MACHINE_HANDLERS_H_

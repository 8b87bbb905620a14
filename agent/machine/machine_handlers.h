#ifndef VOIDBOX_AGENT_MACHINE_MACHINE_HANDLERS_H_
#define VOIDBOX_AGENT_MACHINE_MACHINE_HANDLERS_H_

#include <cstddef>
#include <functional>

#include "agent/call.h"

namespace voidbox {

// Handlers of the calls that read or change the guest as a whole: metrics, firewall, network, time
// and resume. Each is answered at once. For PID 1 of a guest: they change the machine they run on.
//
// `running_execs` is asked at each MetricsRequest.
CallHandlers MachineHandlers(std::function<size_t()> running_execs);

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_MACHINE_MACHINE_HANDLERS_H_

#ifndef VOIDBOX_AGENT_HTTP_ENDPOINTS_H_
#define VOIDBOX_AGENT_HTTP_ENDPOINTS_H_

#include "agent/http/exchange.h"
#include "agent/http/http_services.h"

namespace voidbox {

// The exchange for a request, by path and method; see docs/guest-agent.md for what each takes and
// answers.
ExchangeOrError Route(HttpServices& services, const RequestHead& head, const Target& target,
                      Responder& responder);

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_HTTP_ENDPOINTS_H_

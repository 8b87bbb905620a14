#ifndef VOIDBOX_AGENT_HTTP_EXCHANGE_H_
#define VOIDBOX_AGENT_HTTP_EXCHANGE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <variant>

#include "absl/strings/string_view.h"
#include "agent/http/http_error.h"
#include "agent/http/request_parser.h"
#include "agent/http/target.h"

namespace voidbox {

// What a request is answered through: one response, whole or as a stream. What comes after its end
// is dropped. Everything here and in Exchange happens on the event loop's thread.
class Responder {
 public:
  virtual ~Responder() = default;

  virtual void Respond(int status, absl::string_view content_type, absl::string_view body) = 0;
  virtual void RespondError(const HttpError& error) = 0;

  // A response of status 200 whose length is not known before.
  virtual void StartStream(absl::string_view content_type) = 0;
  virtual void Write(absl::string_view bytes) = 0;
  virtual void FinishStream() = 0;
  // It will never be complete, and the client sees that it is not.
  virtual void AbortStream() = 0;
  // False when much is unsent: whoever writes should wait for OnRoom.
  virtual bool HasRoom() = 0;

  // To be called, as its very last act, by an exchange that has changed something from an event of
  // its own (not from one of its methods). It may destroy the exchange.
  virtual void Settle() = 0;
};

// One request and its response.
class Exchange {
 public:
  virtual ~Exchange() = default;
  // More is refused with 413.
  virtual uint64_t MaxBodyBytes() const = 0;
  // Called first, once the request's head has been found good.
  virtual void Begin() {}
  // False while the body should wait.
  virtual bool WantsBody() const { return true; }
  // A piece of the body, 64 KiB at most; then its end, also when there is none.
  virtual void OnBody(absl::string_view piece) = 0;
  virtual void OnBodyEnd() = 0;
  // HasRoom was false and is true again.
  virtual void OnRoom() {}
  // What may be written into its stream at any time and means nothing; empty when there is no such.
  virtual absl::string_view Filler() const { return ""; }
};

// The exchange that a request asks for, or why there is none.
using ExchangeOrError = std::variant<std::unique_ptr<Exchange>, HttpError>;
using Router = std::function<ExchangeOrError(const RequestHead& head, const Target& target,
                                             Responder& responder)>;

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_HTTP_EXCHANGE_H_

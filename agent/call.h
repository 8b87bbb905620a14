#ifndef VOIDBOX_AGENT_CALL_H_
#define VOIDBOX_AGENT_CALL_H_

#include <functional>
#include <map>
#include <memory>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/agent.pb.h"
#include "agent/connection.h"

namespace voidbox {

// What a request turned into when it takes longer than an answer. Lives beside its Connection,
// which outlives it; everything happens on the event loop's thread.
//
// A call that changes something from an event of its own (not from one of these methods) ends the
// handler by calling the `settle` it was made with, as its very last act: that sends what is
// queued, asks Done, and may destroy the call.
class Call {
 public:
  using Settle = std::function<void()>;

  virtual ~Call() = default;
  // A frame of the host after the request. An error is sent to the host, and the call is cancelled.
  virtual absl::Status OnFrame(const agent::ClientFrame& frame) = 0;
  // False while the host's frames should wait.
  virtual bool WantsFrames() const = 0;
  // The connection's output is no longer backed up.
  virtual void OnRoom() = 0;
  // The host is gone or was refused: wind up. What is sent from now on is dropped.
  virtual void Cancel() = 0;
  // The last frame is queued and nothing is left to do.
  virtual bool Done() const = 0;
};

// Makes the call that an ExecRequest asks for. An error is sent to the host as it is.
using ExecStarter = std::function<absl::StatusOr<std::unique_ptr<Call>>(
    const agent::ExecRequest& request, Connection& connection, Call::Settle settle)>;

// The ways to serve a request; an error is sent to the host as it is.
//
// With one frame, at once.
using CallAnswerer = std::function<absl::StatusOr<agent::ServerFrame>(const agent::Request&)>;
// With a call.
using CallStarter = std::function<absl::StatusOr<std::unique_ptr<Call>>(
    const agent::Request& request, Connection& connection, Call::Settle settle)>;
// By somebody else, who has a duplicate of `stream` when this returns OK, and from whom the host
// hears all that follows.
using StreamTaker = std::function<absl::Status(const agent::Request& request, int stream)>;
using CallHandler = std::variant<CallAnswerer, CallStarter, StreamTaker>;
// One for each kind of call that is served.
using CallHandlers = std::map<agent::Request::CallCase, CallHandler>;

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_CALL_H_

#ifndef VOIDBOX_AGENT_CALL_SERVICE_H_
#define VOIDBOX_AGENT_CALL_SERVICE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "agent/agent.pb.h"
#include "agent/call.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"

namespace voidbox {

// Serves calls of agent.proto: one connected stream is one call. It knows nothing of where the
// streams come from nor of how a command is run.
//
// The host hangs up to cancel: end of the stream in either direction, a half-close included, ends
// the call and kills what it started (CloseStdin is how standard input ends). Any frame that does
// not belong gets an Error frame, and the same.
class CallService {
 public:
  struct Options {
    // What HealthReply says.
    std::string version;
    // Streams served at once; one more is told so and closed. Each may hold
    // Connection::kOutputLimit and ExecInput::kLimit bytes and a process, so this also bounds
    // memory.
    size_t max_connections = 256;
    // Health and Shutdown are the service's own.
    CallHandlers handlers;
    // What HealthReply says of execs; 0 without it.
    std::function<size_t()> running_execs;
    // Called once a ShutdownReply has been sent. Without it, Shutdown is refused.
    std::function<void()> shut_down;
  };

  // Belongs to the thread of `loop`, which outlives it.
  CallService(EventLoop& loop, Options options);
  // Ends all calls.
  ~CallService();
  CallService(const CallService&) = delete;
  CallService& operator=(const CallService&) = delete;

  // What unfinished requests may hold together. The first kFreePendingBytes of each are not
  // counted, so that small ones are served whatever others do.
  static constexpr size_t kMaxPendingBytes = 16 << 20;
  static constexpr size_t kFreePendingBytes = 64 << 10;

  // `stream` is connected and non-blocking. Calls cannot be refused by who hands them over: whoever
  // may not be served must not get here.
  void Serve(UniqueFd stream);

  size_t connections() const { return sessions_.size(); }

 private:
  class Session;
  agent::HealthReply Health() const;

  EventLoop& loop_;
  const Options options_;
  uint64_t next_session_ = 1;
  size_t pending_bytes_ = 0;  // of unfinished requests, see kMaxPendingBytes
  std::unordered_map<uint64_t, std::unique_ptr<Session>> sessions_;
};

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_CALL_SERVICE_H_

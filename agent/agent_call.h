#ifndef VOIDBOX_AGENT_AGENT_CALL_H_
#define VOIDBOX_AGENT_AGENT_CALL_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/agent.pb.h"
#include "agent/ports.h"
#include "base/event_loop.h"
#include "base/frame.h"
#include "base/unique_fd.h"

namespace voidbox {

// One call to an agent over a stream: a request, then frames both ways until the agent closes. The
// guest is not trusted: its frames are bounded, and what does not parse ends the call. Belongs to
// its loop's thread; may be destroyed at any time, from its handlers too, which cancels the call.
class AgentCall {
 public:
  struct Handlers {
    std::function<void(const agent::ServerFrame&)> frame;
    // Once, after the last frame: OK when the agent closed the stream between two frames.
    std::function<void(const absl::Status&)> ended;
    // The unsent bytes have become fewer than kRoomBytes.
    std::function<void()> room;
  };
  static constexpr size_t kRoomBytes = 128 << 10;

  // `stream` is non-blocking. With a port, it is a VMM's vsock.sock, which is asked for that port
  // of the guest first; else it leads to the agent itself.
  static absl::StatusOr<std::unique_ptr<AgentCall>> Start(EventLoop& loop, UniqueFd stream,
                                                          std::optional<uint32_t> vsock_port,
                                                          const agent::Request& request,
                                                          Handlers handlers);
  ~AgentCall();

  // RESOURCE_EXHAUSTED when the frame is too long. The caller stops when HasRoom says so.
  absl::Status Send(const agent::ClientFrame& frame);
  bool HasRoom() const { return out_.size() < kRoomBytes; }
  // While paused, frames stay with the agent.
  void PauseFrames(bool paused);

 private:
  AgentCall(EventLoop& loop, UniqueFd stream, Handlers handlers)
      : loop_(loop), stream_(std::move(stream)), handlers_(std::move(handlers)) {}
  void OnEvents(uint32_t events);
  void Read();
  // Takes the line that answers CONNECT off `bytes`; false when that failed or is not complete.
  bool TakeHandshake(absl::string_view& bytes);
  void HandleFrames();
  absl::Status Flush();
  absl::Status UpdateWatch();
  absl::Status Watch(uint32_t events);
  void End(const absl::Status& status);

  EventLoop& loop_;
  UniqueFd stream_;
  Handlers handlers_;
  bool* destroyed_ = nullptr;  // set by the destructor while a handler runs
  bool ended_ = false;
  bool paused_ = false;
  bool handling_ = false;
  bool handshake_ = false;  // the answer to CONNECT is still to come
  std::string handshake_line_;
  std::string out_;
  FrameReader reader_;
  EventLoop::Watch watch_;
};

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_AGENT_CALL_H_

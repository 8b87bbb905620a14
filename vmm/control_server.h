#ifndef VOIDBOX_VMM_CONTROL_SERVER_H_
#define VOIDBOX_VMM_CONTROL_SERVER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "absl/status/statusor.h"
#include "base/acceptor.h"
#include "base/event_loop.h"
#include "base/frame.h"
#include "base/unique_fd.h"
#include "vmm/vmm.pb.h"

namespace voidbox {

// Serves VmControl (vmm.proto) on a unix socket. Clients are the sandbox's owner, and their bytes
// are still checked: a frame that is too long or does not parse ends its connection. Event loop's
// thread.
class ControlServer {
 public:
  using Reply = std::function<void(const vmm::ControlReply&)>;
  // Clients beyond them wait for their turn.
  static constexpr size_t kMaxConnections = 16;
  // Carries out a request and calls `reply` once, now or later (it may be called when the client is
  // gone).
  using Handler = std::function<void(const vmm::ControlRequest&, Reply reply)>;

  // Listens on the socket `name` in `directory`. `loop` outlives the server.
  static absl::StatusOr<std::unique_ptr<ControlServer>> Create(int directory,
                                                               const std::string& name,
                                                               EventLoop& loop, Handler handler);

  // Hangs up on every client and takes no more: the handler is not called again.
  void Stop();

 private:
  struct Connection {
    UniqueFd fd;
    FrameReader reader{kMaxRequestBytes};
    EventLoop::Watch watch;
  };
  static constexpr size_t kMaxRequestBytes = 4096;

  ControlServer(EventLoop& loop, Handler handler) : loop_(loop), handler_(std::move(handler)) {}
  void HandleClient(UniqueFd client);
  void Read(uint64_t id);
  // Carries out the next complete request; false when the connection is of no more use.
  bool HandleNext(uint64_t id, Connection& connection);
  void Answer(uint64_t id, const vmm::ControlReply& reply);
  void HangUp(uint64_t id);

  EventLoop& loop_;
  const Handler handler_;
  uint64_t next_id_ = 1;
  std::unordered_map<uint64_t, std::unique_ptr<Connection>> connections_;
  std::unique_ptr<Acceptor> acceptor_;
};

}  // namespace voidbox

#endif  // VOIDBOX_VMM_CONTROL_SERVER_H_

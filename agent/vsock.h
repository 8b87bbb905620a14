#ifndef VOIDBOX_AGENT_VSOCK_H_
#define VOIDBOX_AGENT_VSOCK_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "agent/ports.h"
#include "base/acceptor.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"

namespace voidbox {

// Accepts streams of the host (CID 2) on a vsock port; everybody else's are closed at once. Belongs
// to the loop's thread.
class VsockListener {
 public:
  using Handler = std::function<void(UniqueFd stream)>;  // the stream is non-blocking
  // Takes a stream off a listening socket, and says whose it is.
  using AcceptFunction = std::function<absl::StatusOr<UniqueFd>(int socket, uint32_t& peer_cid)>;

  static absl::StatusOr<std::unique_ptr<VsockListener>> Create(EventLoop& loop, uint32_t port,
                                                               Handler on_stream);
  // On a socket that listens already, for tests, which have no vsock to accept from.
  static absl::StatusOr<std::unique_ptr<VsockListener>> CreateOn(EventLoop& loop, UniqueFd socket,
                                                                 AcceptFunction accept,
                                                                 Handler on_stream);

 private:
  explicit VsockListener(std::unique_ptr<Acceptor> acceptor) : acceptor_(std::move(acceptor)) {}

  const std::unique_ptr<Acceptor> acceptor_;
};

// Connects to a port of the host, sends `bytes`, which the socket's buffer takes at once, and
// closes. What goes wrong is logged. The result is kept until then or given up.
class VsockMessage {
 public:
  static absl::StatusOr<std::unique_ptr<VsockMessage>> Send(EventLoop& loop, uint32_t port,
                                                            std::string bytes);

 private:
  VsockMessage(UniqueFd socket, std::string bytes)
      : socket_(std::move(socket)), bytes_(std::move(bytes)) {}
  void OnConnected();

  UniqueFd socket_;
  const std::string bytes_;
  EventLoop::Watch watch_;
};

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_VSOCK_H_

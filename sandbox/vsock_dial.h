#ifndef VOIDBOX_SANDBOX_VSOCK_DIAL_H_
#define VOIDBOX_SANDBOX_VSOCK_DIAL_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"

namespace voidbox {

// Asks a VMM, over a connection to its vsock.sock, for a stream to a port of its guest ("CONNECT
// <port>\n", answered by "OK <port>\n"). Belongs to the loop's thread; may be destroyed at any
// time, from its handler too.
class VsockDial {
 public:
  // Once: the stream, non-blocking, with nothing of it read; UNAVAILABLE when nobody listens there.
  using Handler = std::function<void(absl::StatusOr<UniqueFd>)>;

  static absl::StatusOr<std::unique_ptr<VsockDial>> Start(EventLoop& loop, UniqueFd vsock,
                                                          uint32_t port, Handler handler);

 private:
  VsockDial(UniqueFd vsock, uint32_t port, Handler handler)
      : vsock_(std::move(vsock)), port_(port), handler_(std::move(handler)) {}
  void OnReadable();
  void Finish(absl::StatusOr<UniqueFd> result);

  UniqueFd vsock_;
  const uint32_t port_;
  Handler handler_;
  std::string line_;
  EventLoop::Watch watch_;
};

}  // namespace voidbox

#endif  // VOIDBOX_SANDBOX_VSOCK_DIAL_H_

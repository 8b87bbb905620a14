#include "agent/vsock.h"

#include <fcntl.h>
#include <sys/socket.h>
// After sys/socket.h, whose types it needs.
#include <linux/vm_sockets.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "base/io.h"
#include "base/log.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

constexpr int kBacklog = 128;

absl::StatusOr<UniqueFd> Socket() {
  UniqueFd socket(::socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return ErrnoStatus("socket(AF_VSOCK)");
  return socket;
}

sockaddr_vm Address(uint32_t cid, uint32_t port) {
  sockaddr_vm address = {};
  address.svm_family = AF_VSOCK;
  address.svm_cid = cid;
  address.svm_port = port;
  return address;
}

// The C API's idea of a base class.
const sockaddr* Generic(const sockaddr_vm& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

UniqueFd AcceptVsock(int socket, uint32_t& peer_cid) {
  sockaddr_vm peer = {};
  socklen_t size = sizeof(peer);
  UniqueFd stream(
      ::accept4(socket, reinterpret_cast<sockaddr*>(&peer), &size, SOCK_CLOEXEC | SOCK_NONBLOCK));
  peer_cid = peer.svm_cid;
  return stream;
}

UniqueFd Spare() { return UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

}  // namespace

absl::StatusOr<std::unique_ptr<VsockListener>> VsockListener::Create(EventLoop& loop, uint32_t port,
                                                                     Handler on_stream) {
  ASSIGN_OR_RETURN(UniqueFd socket, Socket());
  const sockaddr_vm address = Address(VMADDR_CID_ANY, port);
  if (::bind(socket.get(), Generic(address), sizeof(address)) != 0) {
    return ErrnoStatus(absl::StrCat("bind to vsock port ", port));
  }
  if (::listen(socket.get(), kBacklog) != 0) return ErrnoStatus("listen");
  return CreateOn(loop, std::move(socket), AcceptVsock, std::move(on_stream));
}

absl::StatusOr<std::unique_ptr<VsockListener>> VsockListener::CreateOn(EventLoop& loop,
                                                                       UniqueFd socket,
                                                                       AcceptFunction accept,
                                                                       Handler on_stream) {
  std::unique_ptr<VsockListener> listener(
      new VsockListener(std::move(socket), std::move(accept), Spare(), std::move(on_stream)));
  VsockListener* self = listener.get();
  ASSIGN_OR_RETURN(self->watch_,
                   loop.Add(self->socket_.get(), EPOLLIN, [self](uint32_t) { self->Accept(); }));
  return listener;
}

// One at a time, and only when there is one: Linux (6.1, vsock_accept) sleeps until the next timer
// tick before it says EAGAIN, on non-blocking sockets too.
void VsockListener::Accept() {
  uint32_t peer_cid = VMADDR_CID_ANY;
  UniqueFd stream = accept_(socket_.get(), peer_cid);
  if (stream) {
    if (peer_cid == VMADDR_CID_HOST) on_stream_(std::move(stream));
  } else if (errno == EMFILE || errno == ENFILE) {
    ShedOne();
  } else if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) {
    LogError(ErrnoStatus("accept").message());
  }
}

// Otherwise the stream would stay, and be reported for ever.
void VsockListener::ShedOne() {
  LogWarning("out of descriptors: a connection was closed unserved");
  spare_.Reset();
  uint32_t peer_cid;
  accept_(socket_.get(), peer_cid).Reset();
  spare_ = Spare();
}

absl::StatusOr<std::unique_ptr<VsockMessage>> VsockMessage::Send(EventLoop& loop, uint32_t port,
                                                                 std::string bytes) {
  ASSIGN_OR_RETURN(UniqueFd socket, Socket());
  const sockaddr_vm host = Address(VMADDR_CID_HOST, port);
  const int connected = ::connect(socket.get(), Generic(host), sizeof(host));
  if (connected != 0 && errno != EINPROGRESS) {
    return ErrnoStatus(absl::StrCat("connect to vsock port ", port, " of the host"));
  }
  std::unique_ptr<VsockMessage> message(new VsockMessage(std::move(socket), std::move(bytes)));
  VsockMessage* self = message.get();
  ASSIGN_OR_RETURN(self->watch_, loop.Add(self->socket_.get(), EPOLLOUT,
                                          [self](uint32_t) { self->OnConnected(); }));
  return message;
}

void VsockMessage::OnConnected() {
  watch_.Reset();
  int error = 0;
  socklen_t size = sizeof(error);
  ::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  const absl::Status status =
      error != 0 ? ErrnoStatus("connect", error) : WriteAll(socket_.get(), bytes_);
  if (!status.ok()) LogWarning("message to the host: ", status.message());
  socket_.Reset();
}

}  // namespace voidbox

#include "agent/vsock.h"

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

absl::StatusOr<UniqueFd> AcceptVsock(int socket, uint32_t& peer_cid) {
  sockaddr_vm peer = {};
  socklen_t size = sizeof(peer);
  UniqueFd stream(
      ::accept4(socket, reinterpret_cast<sockaddr*>(&peer), &size, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!stream && errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) {
    return ErrnoStatus("accept");
  }
  peer_cid = peer.svm_cid;
  return stream;
}

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
  Acceptor::Options options;
  options.accept = [accept = std::move(accept)](int listening) -> absl::StatusOr<UniqueFd> {
    uint32_t peer_cid = VMADDR_CID_ANY;
    ASSIGN_OR_RETURN(UniqueFd stream, accept(listening, peer_cid));
    if (peer_cid != VMADDR_CID_HOST) stream.Reset();
    return stream;
  };
  ASSIGN_OR_RETURN(auto acceptor, Acceptor::Create(loop, std::move(socket), std::move(on_stream),
                                                   std::move(options)));
  return std::unique_ptr<VsockListener>(new VsockListener(std::move(acceptor)));
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

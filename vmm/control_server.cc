#include "vmm/control_server.h"

#include <sys/socket.h>
#include <unistd.h>

#include <optional>

#include "base/status_macros.h"
#include "base/unix_socket.h"

namespace voidbox {

absl::StatusOr<std::unique_ptr<ControlServer>> ControlServer::Create(int directory,
                                                                     const std::string& name,
                                                                     EventLoop& loop,
                                                                     Handler handler) {
  ASSIGN_OR_RETURN(UniqueFd listener, ListenUnix(directory, name, kMaxConnections));
  std::unique_ptr<ControlServer> server(new ControlServer(loop, std::move(handler)));
  ASSIGN_OR_RETURN(server->acceptor_, Acceptor::Create(loop, std::move(listener),
                                                       [raw = server.get()](UniqueFd client) {
                                                         raw->HandleClient(std::move(client));
                                                       }));
  return server;
}

void ControlServer::HandleClient(UniqueFd client) {
  auto connection = std::make_unique<Connection>();
  connection->fd = std::move(client);
  const uint64_t id = next_id_++;
  auto watch = loop_.Add(connection->fd.get(), EPOLLIN, [this, id](uint32_t) { Read(id); });
  if (!watch.ok()) return;
  connection->watch = *std::move(watch);
  connections_.emplace(id, std::move(connection));
  if (connections_.size() >= kMaxConnections) acceptor_->SetFull(true);
}

void ControlServer::HangUp(uint64_t id) {
  connections_.erase(id);
  acceptor_->SetFull(false);
}

void ControlServer::Read(uint64_t id) {
  Connection& connection = *connections_.at(id);
  char piece[kMaxRequestBytes];
  const ssize_t got = ::read(connection.fd.get(), piece, sizeof(piece));
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (got > 0) {
    connection.reader.Append(absl::string_view(piece, static_cast<size_t>(got)));
    if (HandleNext(id, connection)) return;
  }
  HangUp(id);
}

bool ControlServer::HandleNext(uint64_t id, Connection& connection) {
  const absl::StatusOr<std::optional<absl::string_view>> frame = connection.reader.Next();
  if (!frame.ok()) return false;
  if (!frame->has_value()) return true;
  vmm::ControlRequest request;
  if (!request.ParseFromArray((*frame)->data(), static_cast<int>((*frame)->size()))) return false;
  (void)connection.watch.SetEvents(0);
  // The handler may answer at once, and the answer may end the connection: through the loop, when
  // this one is done.
  handler_(request, [this, id](const vmm::ControlReply& reply) {
    loop_.Post([this, id, reply] { Answer(id, reply); });
  });
  return true;
}

void ControlServer::Answer(uint64_t id, const vmm::ControlReply& reply) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  Connection& connection = *found->second;
  std::string bytes;
  // A reply is far smaller than a socket buffer: a client that has not read many of them is no
  // client.
  const bool sent = AppendFrame(reply, bytes).ok() &&
                    ::send(connection.fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
                        static_cast<ssize_t>(bytes.size());
  (void)connection.watch.SetEvents(EPOLLIN);
  if (sent && HandleNext(id, connection)) return;
  HangUp(id);
}

void ControlServer::Stop() {
  acceptor_.reset();
  connections_.clear();
}

}  // namespace voidbox

#include "virtio/vsock/muxer.h"

#include <fcntl.h>
#include <unistd.h>

#include <optional>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/unix_socket.h"

namespace voidbox {
namespace {

// Clients beyond it wait in connect(2); the system's own limit (net.core.somaxconn) is 4096.
constexpr int kBacklog = 1024;

// Bytes that one connection may send to the guest before the next has its turn.
constexpr size_t kQuantumBytes = 256 << 10;
// Connections served before the event loop's other duties have their turn.
constexpr int kMaxTurns = 64;

}  // namespace

absl::StatusOr<std::unique_ptr<Muxer>> Muxer::Create(VsockOptions options, EventLoop& loop) {
  ::unlink(options.socket_path.c_str());  // an earlier process has left it there
  ASSIGN_OR_RETURN(UniqueFd listener, ListenUnix(AT_FDCWD, options.socket_path, kBacklog));
  auto muxer = std::unique_ptr<Muxer>(new Muxer(std::move(options), loop));
  ASSIGN_OR_RETURN(muxer->acceptor_,
                   Acceptor::Create(loop, std::move(listener),
                                    [raw = muxer.get()](UniqueFd socket) {
                                      raw->HandleClient(std::move(socket));
                                    },
                                    {.retry = muxer->options_.tick, .full = true}));
  ASSIGN_OR_RETURN(muxer->timer_, loop.AddTimer([raw = muxer.get()] { raw->Tick(); }));
  return muxer;
}

Muxer::~Muxer() { Stop(); }

absl::Status Muxer::Start(std::function<void()> deliver) {
  deliver_ = std::move(deliver);
  acceptor_->SetFull(false);
  return absl::OkStatus();
}

void Muxer::Stop() {
  acceptor_->SetFull(true);
  timer_.Cancel();
  ticking_ = false;
  ready_.clear();
  refusals_.clear();
  by_ports_.clear();
  connections_.clear();
}

// ---------------------------------------------------------------------------- the host's side

void Muxer::HandleClient(UniqueFd socket) {
  if (connections_.size() >= options_.max_connections) return;
  Connection* connection = Insert(std::make_unique<Connection>(std::move(socket), budget_));
  if (connection == nullptr) return;
  ContinueHandshake(*connection);
  Settle(*connection);
  deliver_();
}

void Muxer::ContinueHandshake(Connection& connection) {
  const std::optional<uint32_t> guest_port = connection.ReadConnectLine();
  if (!guest_port.has_value()) return;
  connection.Request(AllocatePorts(*guest_port));
  by_ports_[connection.ports()] = &connection;
}

VsockPorts Muxer::AllocatePorts(uint32_t guest_port) {
  for (;;) {  // fewer connections than ports
    const uint32_t port = next_host_port_;
    next_host_port_ = port + 1 == kEndHostPort ? kFirstHostPort : port + 1;
    const VsockPorts ports = {.host = port, .guest = guest_port};
    if (!by_ports_.contains(ports)) return ports;
  }
}

Connection* Muxer::Insert(std::unique_ptr<Connection> connection) {
  const Id id = next_id_++;
  absl::StatusOr<EventLoop::Watch> watch =
      loop_.Add(connection->socket(), Connection::kFirstEvents,
                [this, id](uint32_t events) { HandleEvent(id, events); });
  if (!watch.ok()) return nullptr;
  connection->SetWatch(id, *std::move(watch));
  return connections_.emplace(id, std::move(connection)).first->second.get();
}

void Muxer::HandleEvent(Id id, uint32_t events) {
  Connection& connection = *connections_.at(id);
  connection.HandleHost(events);
  if (connection.phase() == Connection::Phase::kConnectLine) ContinueHandshake(connection);
  Settle(connection);
  deliver_();
  const auto found = connections_.find(id);
  if (found != connections_.end()) found->second->UpdateInterest(/*after_event=*/true);
}

void Muxer::Tick() {
  ticking_ = false;
  std::vector<Connection*> waiting;
  for (const auto& [id, connection] : connections_) {
    if (connection->NeedsTicks()) waiting.push_back(connection.get());
  }
  for (Connection* connection : waiting) {
    connection->Tick();
    Settle(*connection);
  }
  deliver_();
}

// ---------------------------------------------------------------------------- the guest's side

void Muxer::HandlePacket(const VsockHeader& header, ChainReader& body) {
  const PacketVerdict verdict = JudgePacket(header, options_.guest_cid, body.remaining());
  if (verdict == PacketVerdict::kDrop) return;
  const auto found = by_ports_.find(VsockPorts{.host = header.dst_port, .guest = header.src_port});
  if (found == by_ports_.end() || header.dst_cid != kVsockHostCid) {
    if (verdict == PacketVerdict::kDeliver && header.op == VIRTIO_VSOCK_OP_REQUEST) {
      ConnectToHost(header);
    } else if (header.op != VIRTIO_VSOCK_OP_RST) {
      Refuse(header);
    }
    return;
  }
  Connection& connection = *found->second;
  if (verdict == PacketVerdict::kReset) {
    connection.Abort();
  } else {
    connection.HandlePacket(header, body);
  }
  Settle(connection);
}

void Muxer::ConnectToHost(const VsockHeader& request) {
  if (connections_.size() >= options_.max_connections) return Refuse(request);
  absl::StatusOr<UniqueFd> socket = ConnectUnixNow(AT_FDCWD, PortPath(request.dst_port));
  if (!socket.ok()) return Refuse(request);
  Connection* connection =
      Insert(std::make_unique<Connection>(*std::move(socket), request, budget_));
  if (connection == nullptr) return Refuse(request);
  by_ports_[connection->ports()] = connection;
  Settle(*connection);
}

std::string Muxer::PortPath(uint32_t port) const {
  return absl::StrCat(options_.socket_path, "_", port);
}

void Muxer::Refuse(const VsockHeader& header) { refusals_.push_back(ResetReply(header)); }

absl::StatusOr<Muxer::Delivery> Muxer::Deliver(RxQueue& rx) {
  while (!refusals_.empty()) {
    ASSIGN_OR_RETURN(const bool sent, rx.Send(refusals_.front()));
    if (!sent) return Delivery::kFull;
    refusals_.pop_front();
  }
  for (int turns = 0; !ready_.empty(); ++turns) {
    if (turns == kMaxTurns) return Delivery::kYield;
    Connection& connection = *ready_.front();
    ASSIGN_OR_RETURN(const bool had_room, Serve(connection, rx));
    if (!had_room) return Delivery::kFull;
    ready_.pop_front();
    connection.queued = false;
    Settle(connection);
  }
  return Delivery::kDone;
}

// False when the driver's buffers do not suffice for a quantum.
absl::StatusOr<bool> Muxer::Serve(Connection& connection, RxQueue& rx) {
  for (size_t bytes = 0; bytes < kQuantumBytes;) {
    if (const VsockOp op = connection.NextControl(); op != VIRTIO_VSOCK_OP_INVALID) {
      ASSIGN_OR_RETURN(const bool sent, rx.Send(connection.MakeHeader(op, options_.guest_cid)));
      if (!sent) return false;
      connection.Sent(op);
      continue;
    }
    const uint32_t wanted = connection.WantedBytes();
    if (wanted == 0) return true;
    ASSIGN_OR_RETURN(const std::span<const iovec> bodies, rx.Reserve(wanted));
    if (bodies.empty()) return false;
    const size_t got = connection.ReadFromHost(bodies, rx.reserved());
    rx.Commit(connection.MakeHeader(VIRTIO_VSOCK_OP_RW, options_.guest_cid), got);
    if (got > 0) connection.Sent(VIRTIO_VSOCK_OP_RW);
    bytes += got;
  }
  return true;
}

// After anything happened to a connection: puts it where it belongs. It may be gone afterwards.
void Muxer::Settle(Connection& connection) {
  if (connection.guest_gone()) {
    const auto found = by_ports_.find(connection.ports());
    if (found != by_ports_.end() && found->second == &connection) by_ports_.erase(found);
  }
  if (connection.phase() == Connection::Phase::kOver) {
    if (!connection.queued) Erase(connection);
    return;
  }
  connection.UpdateInterest(/*after_event=*/false);
  if (!connection.queued && connection.HasPacket()) {
    connection.queued = true;
    ready_.push_back(&connection);
  }
  if (connection.NeedsTicks() && !std::exchange(ticking_, true)) {
    timer_.Set(options_.tick).IgnoreError();
  }
}

void Muxer::Erase(Connection& connection) {
  connections_.erase(connection.id());
  acceptor_->Freed();
}

}  // namespace voidbox

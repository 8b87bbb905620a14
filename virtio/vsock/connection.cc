#include "virtio/vsock/connection.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace voidbox {
namespace {

// Deadlines in ticks of the owner's clock (a second).
constexpr int kConnectLineTicks = 5;
constexpr int kCloseTicks = 8;  // as long as Linux guests wait in the same place

bool WouldBlock() { return errno == EAGAIN || errno == EINTR; }

}  // namespace

Connection::Connection(UniqueFd socket, BufferBudget& budget)
    : phase_(Phase::kConnectLine), budget_(budget), socket_(std::move(socket)) {}

Connection::Connection(UniqueFd socket, const VsockHeader& request, BufferBudget& budget)
    : phase_(Phase::kOpen),
      pending_(kResponse),
      ports_{.host = request.dst_port, .guest = request.src_port},
      send_{.buf_alloc = request.buf_alloc, .fwd_cnt = request.fwd_cnt},
      budget_(budget),
      socket_(std::move(socket)) {}

Connection::~Connection() { budget_.bytes += receive_.buf_alloc - kInitialBufferBytes; }

void Connection::EnterPhase(Phase phase) {
  phase_ = phase;
  ticks_ = 0;
}

void Connection::CloseSocket() {
  outgoing_.Clear();
  watch_.Reset();
  socket_.Reset();
}

// ---------------------------------------------------------------------------- the host's side

void Connection::HandleHost(uint32_t events) {
  if ((events & EPOLLOUT) != 0) Flush();
  if ((events & (EPOLLIN | EPOLLRDHUP)) != 0) readable_ = true;
  if ((events & (EPOLLRDHUP | EPOLLHUP)) != 0) peer_closing_ = true;
  if ((events & (EPOLLHUP | EPOLLERR)) == 0) return;
  hung_up_ = true;
  readable_ = true;
  StopHostOutput();
  // What the host sent before it left still goes to the guest: ReadFromHost finds the end.
  if (phase_ != Phase::kOpen || host_eof_) HostGone();
}

std::optional<uint32_t> Connection::ReadConnectLine() {
  const std::span<char> room = line_.Room();
  const ssize_t got = ::recv(socket(), room.data(), room.size(), MSG_DONTWAIT);
  if (got < 0 && WouldBlock()) {
    readable_ = false;
    return std::nullopt;
  }
  absl::StatusOr<std::optional<uint32_t>> port = absl::CancelledError();  // end of file
  if (got > 0) port = line_.Advance(static_cast<size_t>(got));
  if (!port.ok()) {
    CloseSocket();
    EnterPhase(Phase::kOver);
    return std::nullopt;
  }
  // A line is usually all there is; if not, the watch says so.
  readable_ = false;
  return *port;
}

void Connection::Request(VsockPorts ports) {
  ports_ = ports;
  pending_ = kRequest;
  EnterPhase(Phase::kRequested);
}

void Connection::UpdateInterest(bool after_event) {
  if (!watch_) return;
  if (hung_up_) return watch_.Reset();  // it would be reported for ever
  uint32_t events = 0;
  const bool listening = (interest_ & EPOLLIN) != 0;
  if (Reading() && (!readable_ || (listening && !after_event))) events |= kFirstEvents;
  if (!outgoing_.empty()) events |= EPOLLOUT;
  if (events == interest_) return;
  interest_ = events;
  if (!watch_.SetEvents(events).ok()) Abort();
}

void Connection::HostEof() {
  host_eof_ = true;
  readable_ = false;
  if (hung_up_) return HostGone();
  shutdown_flags_ |= VIRTIO_VSOCK_SHUTDOWN_F_SEND;
  pending_ |= kShutdown;
}

void Connection::HostGone() {
  CloseSocket();
  switch (phase_) {
    case Phase::kOpen:
      host_eof_ = true;
      shutdown_flags_ = kVsockShutdownBoth;
      pending_ = static_cast<uint8_t>((pending_ & kResponse) | kShutdown);
      return EnterPhase(Phase::kClosing);
    case Phase::kRequested:
      if ((pending_ & kRequest) == 0) return EndGuest(/*reset=*/true);
      pending_ = 0;  // the guest never hears of it
      return EnterPhase(Phase::kOver);
    case Phase::kDraining:
      if (pending_ != 0) return;  // an RST
      return EnterPhase(Phase::kOver);
    default:
      return EnterPhase(Phase::kOver);
  }
}

// The host takes no more; what was to go there is lost, as the guest will learn.
void Connection::StopHostOutput() {
  host_deaf_ = true;
  Forwarded(outgoing_.size());
  outgoing_.Clear();
}

// What the socket holds until the host reads it need not be copied into outgoing_. As much as the
// system allows (net.core.wmem_max) is good enough.
void Connection::HoldInSocket(uint32_t bytes) {
  const int size = static_cast<int>(bytes);
  ::setsockopt(socket(), SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

// Returns how much the socket took; none when it is full or broken.
size_t Connection::SendToHost(const iovec* pieces, size_t count) {
  msghdr message = {};
  message.msg_iov = const_cast<iovec*>(pieces);
  message.msg_iovlen = count;
  const ssize_t sent = ::sendmsg(socket(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent >= 0) return static_cast<size_t>(sent);
  if (WouldBlock()) return 0;
  StopHostOutput();
  // The end of the other direction comes as an event of its own.
  if (phase_ == Phase::kOpen && !hung_up_) {
    shutdown_flags_ |= VIRTIO_VSOCK_SHUTDOWN_F_RECEIVE;
    pending_ |= kShutdown;
  }
  return 0;
}

void Connection::Flush() {
  if (outgoing_.empty()) return;
  const std::array<iovec, 2> pieces = outgoing_.Front();
  const size_t sent = SendToHost(pieces.data(), pieces.size());
  if (!host_deaf_) {
    outgoing_.Consume(sent);
    Forwarded(sent);
  }
  if (!outgoing_.empty()) return;
  if (phase_ == Phase::kDraining) {
    HostGone();
  } else if (!guest_sends_) {
    ::shutdown(socket(), SHUT_WR);
  }
}

void Connection::Forwarded(size_t bytes) {
  receive_.fwd_cnt += static_cast<uint32_t>(bytes);
  if (phase_ == Phase::kOpen && guest_sends_ && receive_.UpdateDue(send_.buf_alloc))
    pending_ |= kCreditUpdate;
}

// ---------------------------------------------------------------------------- the guest's side

void Connection::HandlePacket(const VsockHeader& header, ChainReader& body) {
  if (phase_ >= Phase::kDraining) {
    if (header.op == VIRTIO_VSOCK_OP_RST) EndGuest(/*reset=*/false);
    return;  // the RST that is on its way answers everything else
  }
  if (header.op == VIRTIO_VSOCK_OP_RST) return EndGuest(/*reset=*/false);
  if ((phase_ == Phase::kRequested) != (header.op == VIRTIO_VSOCK_OP_RESPONSE)) return Abort();
  send_.buf_alloc = header.buf_alloc;
  send_.fwd_cnt = header.fwd_cnt;
  if (send_.Free() > 0) credit_requested_ = false;
  switch (header.op) {
    case VIRTIO_VSOCK_OP_RESPONSE:
      return Accepted();
    case VIRTIO_VSOCK_OP_RW:
      return ReceiveData(header.len, body);
    case VIRTIO_VSOCK_OP_SHUTDOWN:
      return GuestShutdown(header.flags);
    case VIRTIO_VSOCK_OP_CREDIT_UPDATE:
      return;
    case VIRTIO_VSOCK_OP_CREDIT_REQUEST:
      if (phase_ == Phase::kOpen) pending_ |= kCreditUpdate;
      return;
    default:  // a REQUEST for what exists already
      return Abort();
  }
}

void Connection::Accepted() {
  if ((pending_ & kRequest) != 0) return Abort();  // before it was asked
  EnterPhase(Phase::kOpen);
  if (!line_.rest().empty()) readable_ = true;
  const std::string answer = absl::StrCat("OK ", ports_.host, "\n");
  const iovec piece = {const_cast<char*>(answer.data()), answer.size()};
  if (SendToHost(&piece, 1) != answer.size()) Abort();
}

void Connection::ReceiveData(uint32_t length, ChainReader& body) {
  if (phase_ == Phase::kClosing) return;  // sent before the guest heard of the end
  if (!guest_sends_ || !receive_.Admits(length)) return Abort();
  receive_.rx_cnt += length;
  size_t taken = 0;
  if (outgoing_.empty() && !host_deaf_ && length > 0) {
    const ChainCursor::Buffers pieces = body.Peek(length);
    taken = SendToHost(pieces.data(), pieces.size());
  }
  if (host_deaf_) return Forwarded(length);
  if (taken < length) {
    if (!body.Skip(taken).ok()) return Abort();
    for (const std::span<std::byte> piece : outgoing_.Extend(length - taken)) {
      if (!body.Read(piece).ok()) return Abort();
    }
  } else if (receive_.GuestView() < receive_.buf_alloc / 2 &&
             receive_.buf_alloc < std::min(kLargestBufferBytes, send_.buf_alloc) &&
             budget_.bytes >= receive_.buf_alloc) {
    // The host keeps up with a guest that fills its window: let it run further ahead.
    budget_.bytes -= receive_.buf_alloc;
    receive_.buf_alloc *= 2;
    pending_ |= kCreditUpdate;
    HoldInSocket(receive_.buf_alloc);
  }
  Forwarded(taken);
}

void Connection::GuestShutdown(uint32_t flags) {
  const bool sent = guest_sends_;
  const bool received = !guest_deaf_;
  if ((flags & VIRTIO_VSOCK_SHUTDOWN_F_SEND) != 0) guest_sends_ = false;
  if ((flags & VIRTIO_VSOCK_SHUTDOWN_F_RECEIVE) != 0) guest_deaf_ = true;
  if (!guest_sends_ && guest_deaf_) return EndGuest(/*reset=*/true);
  if (phase_ == Phase::kClosing) return;
  if (sent && !guest_sends_ && outgoing_.empty()) ::shutdown(socket(), SHUT_WR);
  if (received && guest_deaf_) {
    ::shutdown(socket(), SHUT_RD);
    host_eof_ = true;
    readable_ = false;
  }
}

void Connection::EndGuest(bool reset) {
  pending_ = reset ? kReset : 0;
  host_eof_ = true;
  readable_ = false;
  EnterPhase(Phase::kDraining);
  if (outgoing_.empty()) HostGone();
}

void Connection::Abort() {
  CloseSocket();
  EndGuest(/*reset=*/true);
}

VsockOp Connection::NextControl() const {
  if ((pending_ & kReset) != 0) return VIRTIO_VSOCK_OP_RST;
  if ((pending_ & kRequest) != 0) return VIRTIO_VSOCK_OP_REQUEST;
  if ((pending_ & kResponse) != 0) return VIRTIO_VSOCK_OP_RESPONSE;
  if ((pending_ & kShutdown) != 0) return VIRTIO_VSOCK_OP_SHUTDOWN;
  // The packets of a transfer carry the credit anyway.
  if (WantedBytes() > 0) return VIRTIO_VSOCK_OP_INVALID;
  if ((pending_ & kCreditUpdate) != 0) return VIRTIO_VSOCK_OP_CREDIT_UPDATE;
  if ((pending_ & kCreditRequest) != 0) return VIRTIO_VSOCK_OP_CREDIT_REQUEST;
  return VIRTIO_VSOCK_OP_INVALID;
}

VsockHeader Connection::MakeHeader(VsockOp op, uint64_t guest_cid) const {
  return {.src_cid = kVsockHostCid,
          .dst_cid = guest_cid,
          .src_port = ports_.host,
          .dst_port = ports_.guest,
          .op = op,
          .flags = op == VIRTIO_VSOCK_OP_SHUTDOWN ? shutdown_flags_ : 0u,
          .buf_alloc = receive_.buf_alloc,
          .fwd_cnt = receive_.fwd_cnt};
}

void Connection::Sent(VsockOp op) {
  receive_.told_fwd_cnt = receive_.fwd_cnt;
  pending_ &= static_cast<uint8_t>(~kCreditUpdate);
  switch (op) {
    case VIRTIO_VSOCK_OP_REQUEST:
      pending_ &= static_cast<uint8_t>(~kRequest);
      return;
    case VIRTIO_VSOCK_OP_RESPONSE:
      pending_ &= static_cast<uint8_t>(~kResponse);
      return;
    case VIRTIO_VSOCK_OP_SHUTDOWN:
      pending_ &= static_cast<uint8_t>(~kShutdown);
      return;
    case VIRTIO_VSOCK_OP_CREDIT_REQUEST:
      pending_ &= static_cast<uint8_t>(~kCreditRequest);
      return;
    case VIRTIO_VSOCK_OP_RST:
      pending_ = 0;
      if (phase_ == Phase::kDraining && outgoing_.empty()) HostGone();
      return;
    default:
      return;
  }
}

uint32_t Connection::WantedBytes() const {
  if (phase_ != Phase::kOpen || !readable_ || host_eof_ || (pending_ & kResponse) != 0) return 0;
  return std::min(send_.Free(), burst_);
}

size_t Connection::TakeLineRest(std::span<const iovec> bodies, size_t capacity) {
  size_t taken = 0;
  for (const iovec& body : bodies) {
    const absl::string_view rest = line_.rest();
    const size_t part = std::min({rest.size(), body.iov_len, capacity - taken});
    std::memcpy(body.iov_base, rest.data(), part);
    line_.ConsumeRest(part);
    taken += part;
  }
  return taken;
}

size_t Connection::ReadFromHost(std::span<const iovec> bodies, size_t capacity) {
  size_t bytes = 0;
  if (!line_.rest().empty()) {
    bytes = TakeLineRest(bodies, capacity);
  } else {
    const ssize_t got = ::readv(socket(), bodies.data(), static_cast<int>(bodies.size()));
    if (got == 0) return HostEof(), 0;
    if (got < 0 && !WouldBlock()) return Abort(), 0;
    if (got < 0) return readable_ = false, 0;
    bytes = static_cast<size_t>(got);
    // A short read has emptied the socket; at its end, the next one says so at once.
    if (bytes < capacity) {
      readable_ = peer_closing_;
      burst_ = std::clamp(static_cast<uint32_t>(bytes), kSmallestRead, kLargestRead);
    } else if (capacity == burst_) {
      burst_ = std::min(burst_ * 4, kLargestRead);
    }
  }
  send_.tx_cnt += static_cast<uint32_t>(bytes);
  return bytes;
}

// ---------------------------------------------------------------------------- deadlines

bool Connection::NeedsTicks() const {
  if (phase_ == Phase::kConnectLine || phase_ == Phase::kClosing) return true;
  return phase_ == Phase::kOpen && readable_ && !credit_requested_ && send_.Free() == 0;
}

void Connection::Tick() {
  if (!NeedsTicks()) return;
  ++ticks_;
  if (phase_ == Phase::kConnectLine && ticks_ >= kConnectLineTicks) return HostGone();
  if (phase_ == Phase::kClosing && ticks_ >= kCloseTicks) return EndGuest(/*reset=*/true);
  if (phase_ == Phase::kOpen) {
    credit_requested_ = true;
    pending_ |= kCreditRequest;
  }
}

}  // namespace voidbox

#ifndef VOIDBOX_VIRTIO_VSOCK_CONNECTION_H_
#define VOIDBOX_VIRTIO_VSOCK_CONNECTION_H_

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "absl/status/status.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"
#include "virtio/descriptor_chain.h"
#include "virtio/vsock/connect_line.h"
#include "virtio/vsock/credit.h"
#include "virtio/vsock/packet.h"
#include "virtio/vsock/ring_buffer.h"

namespace voidbox {

// What we let a guest send ahead of a host program that does not read. It begins small, so that
// many connections cannot hold much, and grows while the host program keeps up.
inline constexpr uint32_t kInitialBufferBytes = 64 << 10;
inline constexpr uint32_t kLargestBufferBytes = 1 << 20;

// Memory that all connections together may promise beyond kInitialBufferBytes each.
struct BufferBudget {
  size_t bytes = 32 << 20;
};

// One stream between a unix socket of the host and a port of the guest: its state, its flow
// control, and the transfers of its socket. It knows neither queues nor other connections; its
// owner brings it packets and events and asks what it has for the guest. The event loop's thread.
class Connection {
 public:
  enum class Phase : uint8_t {
    kConnectLine,  // a host client that has not said yet which port it wants
    kRequested,    // the guest has not answered the host client's request yet
    kOpen,
    kClosing,   // the host's side is gone and the guest is told so; it answers with RST
    kDraining,  // the guest's side is gone; the host has yet to take what the guest had sent
    kOver,      // nothing is left to do for either side
  };

  // A host client that was just accepted. `budget` outlives the connection.
  Connection(UniqueFd socket, BufferBudget& budget);
  // A guest that asked with `request` for the host port to which `socket` was connected.
  Connection(UniqueFd socket, const VsockHeader& request, BufferBudget& budget);
  Connection(Connection&&) = delete;
  ~Connection();

  Phase phase() const { return phase_; }
  const VsockPorts& ports() const { return ports_; }
  // Neither knows the guest of the connection any more nor needs to be told anything about it.
  bool guest_gone() const { return phase_ >= Phase::kDraining && pending_ == 0; }

  // --- The host's side.

  // Bytes that are held for the host.
  size_t held() const { return outgoing_.size(); }
  int socket() const { return socket_.get(); }
  // `watch` watches socket() for kFirstEvents; the connection changes and ends it. `id` is the
  // owner's.
  static constexpr uint32_t kFirstEvents = EPOLLIN | EPOLLRDHUP;
  void SetWatch(uint64_t id, EventLoop::Watch watch) {
    id_ = id;
    watch_ = std::move(watch);
  }
  uint64_t id() const { return id_; }
  // What epoll reported.
  void HandleHost(uint32_t events);
  // In kConnectLine: reads from the client; the guest port it wants, once it said so. Ends the
  // connection when it says something else.
  std::optional<uint32_t> ReadConnectLine();
  // Then the guest is to be asked.
  void Request(VsockPorts ports);
  // Watches for what the state now calls for. `after_event`: an event was just handled, so that
  // what is still unread must not be reported again (interest that might be wanted again soon is
  // otherwise kept, to save system calls).
  void UpdateInterest(bool after_event);

  // --- The guest's side. Not in kConnectLine.

  // A packet of the guest that passed JudgePacket; `body` stands behind the header.
  void HandlePacket(const VsockHeader& header, ChainReader& body);
  // Breaks the connection: the guest gets RST, the host end of file.
  void Abort();

  // Whether there is something for the guest now.
  bool HasPacket() const { return NextControl() != VIRTIO_VSOCK_OP_INVALID || WantedBytes() > 0; }
  // The next packet without a body that the guest is to get, or INVALID.
  VsockOp NextControl() const;
  // A header for a packet to the guest, with len 0.
  VsockHeader MakeHeader(VsockOp op, uint64_t guest_cid) const;
  // The packet was sent with such a header.
  void Sent(VsockOp op);
  // Bytes that should be read from the host for the guest now; 0 when there are none or the guest
  // has no room.
  uint32_t WantedBytes() const;
  // Reads from the host at most WantedBytes() into `bodies` (`capacity` bytes). The bytes returned
  // must be sent to the guest.
  size_t ReadFromHost(std::span<const iovec> bodies, size_t capacity);

  // --- Deadlines.

  // Whether the connection waits for something that may never come.
  bool NeedsTicks() const;
  // A tick of the owner's coarse clock.
  void Tick();

  // The owner's: whether the connection stands in its list of those with packets.
  bool queued = false;

 private:
  enum Pending : uint8_t {  // packets that the guest is to get
    kRequest = 1 << 0,
    kResponse = 1 << 1,
    kCreditUpdate = 1 << 2,
    kCreditRequest = 1 << 3,
    kShutdown = 1 << 4,
    kReset = 1 << 5,
  };

  bool Reading() const { return !host_eof_ && phase_ <= Phase::kOpen; }
  void EnterPhase(Phase phase);
  void Accepted();
  void ReceiveData(uint32_t length, ChainReader& body);
  void GuestShutdown(uint32_t flags);
  void EndGuest(bool reset);
  void HostEof();
  void HostGone();
  void StopHostOutput();
  void HoldInSocket(uint32_t bytes);
  size_t SendToHost(const iovec* pieces, size_t count);
  void Flush();
  void Forwarded(size_t bytes);
  void CloseSocket();
  size_t TakeLineRest(std::span<const iovec> bodies, size_t capacity);

  Phase phase_;
  uint8_t pending_ = 0;
  uint8_t ticks_ = 0;               // in this phase
  uint8_t shutdown_flags_ = 0;      // of the next SHUTDOWN
  bool readable_ = false;           // the host may have sent more than was read
  bool host_eof_ = false;           // the host sends no more, or nobody wants it
  bool host_deaf_ = false;          // the host takes no more
  bool peer_closing_ = false;       // the end of what the host sends is in sight
  bool hung_up_ = false;            // the host has closed its end
  bool guest_deaf_ = false;         // the guest has said that it takes no more
  bool guest_sends_ = true;         // the guest has not said that it sends no more
  bool credit_requested_ = false;   // since the guest ran out of room
  uint32_t burst_ = kSmallestRead;  // bytes to read at once
  VsockPorts ports_;
  SendCredit send_;
  ReceiveCredit receive_ = {.buf_alloc = kInitialBufferBytes};
  BufferBudget& budget_;
  ConnectLine line_;
  RingBuffer outgoing_;  // what the host has not taken yet
  UniqueFd socket_;
  EventLoop::Watch watch_;
  uint32_t interest_ = kFirstEvents;  // of watch_
  uint64_t id_ = 0;

  static constexpr uint32_t kSmallestRead = 4 << 10;
  static constexpr uint32_t kLargestRead = 256 << 10;
};

}  // namespace voidbox

#endif  // VOIDBOX_VIRTIO_VSOCK_CONNECTION_H_

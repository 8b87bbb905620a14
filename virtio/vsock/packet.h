#ifndef VOIDBOX_VIRTIO_VSOCK_PACKET_H_
#define VOIDBOX_VIRTIO_VSOCK_PACKET_H_

#include <cstddef>
#include <cstdint>
#include <utility>

namespace voidbox {

// virtio 1.2 §5.10: numbers of the spec, with its names.
inline constexpr unsigned VIRTIO_VSOCK_F_STREAM = 0;  // a bit number, §5.10.3
inline constexpr uint64_t kVsockHostCid = 2;          // §5.10.4: the well-known CID of the host

enum VsockType : uint16_t {
  VIRTIO_VSOCK_TYPE_STREAM = 1,
  VIRTIO_VSOCK_TYPE_SEQPACKET = 2,
};

enum VsockOp : uint16_t {
  VIRTIO_VSOCK_OP_INVALID = 0,
  VIRTIO_VSOCK_OP_REQUEST = 1,
  VIRTIO_VSOCK_OP_RESPONSE = 2,
  VIRTIO_VSOCK_OP_RST = 3,
  VIRTIO_VSOCK_OP_SHUTDOWN = 4,
  VIRTIO_VSOCK_OP_RW = 5,
  VIRTIO_VSOCK_OP_CREDIT_UPDATE = 6,
  VIRTIO_VSOCK_OP_CREDIT_REQUEST = 7,
};

// Flags of SHUTDOWN: what its sender will not do any more.
inline constexpr uint32_t VIRTIO_VSOCK_SHUTDOWN_F_RECEIVE = 1 << 0;
inline constexpr uint32_t VIRTIO_VSOCK_SHUTDOWN_F_SEND = 1 << 1;
inline constexpr uint32_t kVsockShutdownBoth =
    VIRTIO_VSOCK_SHUTDOWN_F_RECEIVE | VIRTIO_VSOCK_SHUTDOWN_F_SEND;

inline constexpr uint32_t VIRTIO_VSOCK_EVENT_TRANSPORT_RESET = 0;

// What begins every packet of the rx and tx queues, §5.10.6.
struct [[gnu::packed]] VsockHeader {
  uint64_t src_cid = 0;
  uint64_t dst_cid = 0;
  uint32_t src_port = 0;
  uint32_t dst_port = 0;
  uint32_t len = 0;  // bytes of the body
  uint16_t type = VIRTIO_VSOCK_TYPE_STREAM;
  uint16_t op = VIRTIO_VSOCK_OP_INVALID;
  uint32_t flags = 0;
  uint32_t buf_alloc = 0;  // bytes that the sender can hold for this connection, §5.10.6.3
  uint32_t fwd_cnt = 0;    // bytes that it has passed on since the connection's start, modulo 2^32
};
static_assert(sizeof(VsockHeader) == 44);

// §5.10.6.8
struct VsockEvent {
  uint32_t id = VIRTIO_VSOCK_EVENT_TRANSPORT_RESET;
};
static_assert(sizeof(VsockEvent) == 4);

// The two ports of a connection; the CIDs are always the host's and the guest's.
struct VsockPorts {
  uint32_t host = 0;
  uint32_t guest = 0;
  bool operator==(const VsockPorts&) const = default;
  template <typename H>
  friend H AbslHashValue(H state, const VsockPorts& ports) {
    return H::combine(std::move(state), ports.host, ports.guest);
  }
};

// What is to be done with a packet of the guest, whatever connection it names.
enum class PacketVerdict {
  kDeliver,  // well-formed, for a stream between this guest and the host
  kReset,    // answered with RST
  kDrop,     // ignored: not from this guest, or an RST that concerns nobody
};

// `body_bytes` are those that follow the header in its chain.
PacketVerdict JudgePacket(const VsockHeader& header, uint64_t guest_cid, size_t body_bytes);

// The RST that answers `header`.
VsockHeader ResetReply(const VsockHeader& header);

}  // namespace voidbox

#endif  // VOIDBOX_VIRTIO_VSOCK_PACKET_H_

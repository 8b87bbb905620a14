#include "virtio/vsock/packet.h"

namespace voidbox {

PacketVerdict JudgePacket(const VsockHeader& header, uint64_t guest_cid, size_t body_bytes) {
  // §5.10.6.4.1: the sender is the guest itself, or the packet is nobody's.
  if (header.src_cid != guest_cid) return PacketVerdict::kDrop;
  const bool is_reset = header.op == VIRTIO_VSOCK_OP_RST;
  const PacketVerdict refusal = is_reset ? PacketVerdict::kDrop : PacketVerdict::kReset;
  if (header.dst_cid != kVsockHostCid) return refusal;
  if (header.type != VIRTIO_VSOCK_TYPE_STREAM) return refusal;
  if (header.op == VIRTIO_VSOCK_OP_INVALID || header.op > VIRTIO_VSOCK_OP_CREDIT_REQUEST) {
    return refusal;
  }
  if (header.op == VIRTIO_VSOCK_OP_RW && header.len > body_bytes) return refusal;
  return PacketVerdict::kDeliver;
}

VsockHeader ResetReply(const VsockHeader& header) {
  return {.src_cid = header.dst_cid,
          .dst_cid = header.src_cid,
          .src_port = header.dst_port,
          .dst_port = header.src_port,
          .type = header.type,
          .op = VIRTIO_VSOCK_OP_RST};
}

}  // namespace voidbox

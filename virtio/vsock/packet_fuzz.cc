// The first bytes are a header; whatever it says, a packet that is delivered is one that may be.
#include <cstring>

#include "base/check.h"
#include "virtio/vsock/packet.h"

namespace voidbox {
namespace {

void TryPacket(const uint8_t* data, size_t size) {
  VsockHeader header;
  if (size < sizeof(header)) return;
  std::memcpy(&header, data, sizeof(header));
  const size_t body_bytes = size - sizeof(header);
  constexpr uint64_t kGuestCid = 3;
  const PacketVerdict verdict = JudgePacket(header, kGuestCid, body_bytes);
  if (verdict == PacketVerdict::kDeliver) {
    Check(header.src_cid == kGuestCid && header.dst_cid == kVsockHostCid, "the CIDs are right");
    Check(header.op != VIRTIO_VSOCK_OP_RW || header.len <= body_bytes, "the body is there");
    Check(header.type == VIRTIO_VSOCK_TYPE_STREAM, "only streams");
  }
  if (verdict == PacketVerdict::kReset) {
    Check(header.op != VIRTIO_VSOCK_OP_RST, "no RST is answered");
    const VsockHeader reply = ResetReply(header);
    Check(reply.dst_cid == kGuestCid && reply.dst_port == header.src_port,
          "a reply goes back to its cause");
  }
}

}  // namespace
}  // namespace voidbox

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  voidbox::TryPacket(data, size);
  return 0;
}

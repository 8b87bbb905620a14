#include "virtio/vsock/rx_queue.h"

#include <limits.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

// The largest body that Linux drivers expect (VIRTIO_VSOCK_MAX_PKT_BUF_SIZE).
constexpr size_t kMaxBodyBytes = 64 << 10;
// Buffers in one readv(2); leaves room for the last chain's.
constexpr size_t kMaxIovecs = IOV_MAX - kMaxQueueSize;

// The buffers of the next `bytes` bytes behind the header.
void AppendBody(const ChainWriter& writer, size_t bytes, std::vector<iovec>& bodies) {
  size_t header = sizeof(VsockHeader);
  writer.VisitNext(sizeof(VsockHeader) + bytes, [&](const iovec& buffer) {
    const size_t skipped = std::min(header, buffer.iov_len);
    header -= skipped;
    if (skipped == buffer.iov_len) return;
    bodies.push_back(
        {static_cast<std::byte*>(buffer.iov_base) + skipped, buffer.iov_len - skipped});
  });
}

}  // namespace

absl::StatusOr<bool> RxQueue::Send(const VsockHeader& header) {
  for (int tries = 0; tries < kMaxQueueSize; ++tries) {
    ASSIGN_OR_RETURN(std::optional<DescriptorChain> chain, queue_.Pop());
    if (!chain.has_value()) return false;
    ++sent_;
    const bool fits = chain->writer().WriteObject(header).ok();
    queue_.Complete(*std::move(chain), fits ? sizeof(header) : 0);
    if (fits) return true;  // else the driver gets its useless buffer back
  }
  return false;  // it offers useless buffers as fast as they are returned
}

absl::StatusOr<std::span<const iovec>> RxQueue::Reserve(size_t bytes) {
  Check(count_ == 0, "what was reserved is committed before more is");
  bodies_.clear();
  reserved_ = 0;
  for (int tries = 0; reserved_ < bytes && bodies_.size() < kMaxIovecs && tries < kMaxQueueSize;
       ++tries) {
    if (count_ == packets_.size()) packets_.emplace_back();
    Packet& packet = packets_[count_];
    absl::StatusOr<bool> popped = queue_.Pop(packet.chain);
    if (!popped.ok()) {
      Commit({}, 0);
      return std::move(popped).status();
    }
    if (!*popped) break;
    const size_t size = packet.chain.writer().remaining();
    if (size <= sizeof(VsockHeader)) {
      // No body fits. Chains are returned in reverse, so one behind others must wait for its turn.
      if (count_ > 0) {
        queue_.Return(std::move(packet.chain));
        break;
      }
      queue_.Complete(std::move(packet.chain), 0);
      ++sent_;
      continue;
    }
    packet.room = std::min({size - sizeof(VsockHeader), kMaxBodyBytes, bytes - reserved_});
    AppendBody(packet.chain.writer(), packet.room, bodies_);
    reserved_ += packet.room;
    ++count_;
  }
  return std::span<const iovec>(bodies_);
}

void RxQueue::Commit(VsockHeader header, size_t bytes) {
  size_t used = 0;  // packets
  for (; bytes > 0; ++used) {
    Packet& packet = packets_[used];
    const size_t body = std::min(bytes, packet.room);
    header.len = static_cast<uint32_t>(body);
    Check(packet.chain.writer().WriteObject(header).ok(), "a reserved chain has room");
    queue_.Complete(std::move(packet.chain), static_cast<uint32_t>(sizeof(header) + body));
    bytes -= body;
  }
  sent_ += used;
  while (count_ > used) queue_.Return(std::move(packets_[--count_].chain));
  count_ = 0;
}

size_t RxQueue::TakeSentCount() { return std::exchange(sent_, 0); }

}  // namespace voidbox

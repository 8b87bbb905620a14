#ifndef VOIDBOX_VIRTIO_VSOCK_RX_QUEUE_H_
#define VOIDBOX_VIRTIO_VSOCK_RX_QUEUE_H_

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "virtio/queue.h"
#include "virtio/vsock/packet.h"

namespace voidbox {

// Packets to the guest: puts headers and bodies into the buffers that the driver posted in the rx
// queue. A body can be read from a socket straight into the buffers of several packets at once.
// Every error means that the ring is broken. Holds no buffer between Commit and Reserve.
class RxQueue {
 public:
  // `queue` outlives it.
  explicit RxQueue(Queue& queue) : queue_(queue) {}

  // Sends a packet without a body. False when the driver has posted no buffer.
  absl::StatusOr<bool> Send(const VsockHeader& header);

  // Buffers for the bodies of the next packets, together at most `bytes`; empty when the driver has
  // posted none. Must be followed by Commit.
  absl::StatusOr<std::span<const iovec>> Reserve(size_t bytes);
  size_t reserved() const { return reserved_; }  // bytes

  // Sends the first `bytes` of the reserved buffers as RW packets with `header` (whose len is
  // filled in), and takes the others back. 0 sends nothing.
  void Commit(VsockHeader header, size_t bytes);

  // Packets sent since the last call; the caller signals the queue when it is not 0.
  size_t TakeSentCount();

 private:
  struct Packet {
    DescriptorChain chain;
    size_t room = 0;  // bytes of body
  };

  Queue& queue_;
  std::vector<Packet> packets_;  // the first count_ are reserved, in order
  size_t count_ = 0;
  std::vector<iovec> bodies_;  // of those
  size_t reserved_ = 0;        // bytes in bodies_
  size_t sent_ = 0;
};

}  // namespace voidbox

#endif  // VOIDBOX_VIRTIO_VSOCK_RX_QUEUE_H_

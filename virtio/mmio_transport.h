#ifndef VOIDBOX_VIRTIO_MMIO_TRANSPORT_H_
#define VOIDBOX_VIRTIO_MMIO_TRANSPORT_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/event_loop.h"
#include "base/mutex.h"
#include "virtio/device.h"

namespace voidbox {

inline constexpr uint64_t kMmioRegionBytes = 0x1000;

// The line by which a transport interrupts the guest (an irqfd in the VMM). Any thread.
class InterruptLine {
 public:
  virtual ~InterruptLine() = default;
  virtual void Trigger() = 0;
};

// virtio-mmio, version 2 (virtio 1.2 §4.2). Read and Write are called by vCPU threads, several at
// once; the device itself only by the event loop's thread: activation is posted to it, reset waits
// for it.
class MmioTransport {
 public:
  // `loop`, `memory` and `line` outlive the transport. The caller destroys it on the loop's thread
  // (or when the loop runs no more) after the vCPUs have stopped.
  static absl::StatusOr<std::unique_ptr<MmioTransport>> Create(std::unique_ptr<VirtioDevice> device,
                                                               EventLoop& loop,
                                                               const GuestMemory& memory,
                                                               InterruptLine& line);

  // An access of the guest at `offset` of the region. Widths other than the spec's read as zero and
  // are ignored when written.
  void Read(uint64_t offset, std::span<std::byte> out);
  void Write(uint64_t offset, std::span<const std::byte> in);

  // One eventfd per queue, for KVM's ioeventfd on QueueNotify with the queue's index as data match.
  // Readable from creation on; the transport watches them.
  std::vector<int> notify_fds() const;

  // While the guest is paused. The bytes carry device type, status, features, queues, progress and
  // device state.
  absl::StatusOr<std::string> Save();
  absl::Status Restore(absl::string_view state);

 private:
  // ...
};

}  // namespace voidbox

#endif  // VOIDBOX_VIRTIO_MMIO_TRANSPORT_H_

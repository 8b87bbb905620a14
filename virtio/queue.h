#ifndef VOIDBOX_VIRTIO_QUEUE_H_
#define VOIDBOX_VIRTIO_QUEUE_H_

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "virtio/descriptor_chain.h"
#include "virtio/guest_memory.h"
#include "virtio/spec.h"

namespace voidbox {

inline constexpr uint16_t kMaxQueueSize = 256;

// What the driver wrote to the queue's registers. Not trusted; Queue::Activate checks it.
struct QueueConfig {
  uint16_t size = 0;  // entries
  bool ready = false;
  GuestAddress descriptor_table;  // virtio 1.2 §2.7.5
  GuestAddress driver_area;       // available ring, §2.7.6
  GuestAddress device_area;       // used ring, §2.7.8
};

// What a queue remembers beside its memory, for save and restore; the two differ only while chains
// are in flight.
struct QueueProgress {
  uint16_t next_available = 0;
  uint16_t next_used = 0;
};

// How a device tells the driver. Any thread.
class Interrupt {
 public:
  virtual ~Interrupt() = default;
  virtual void RaiseQueue() = 0;   // used buffers, virtio 1.2 §4.2.2 bit 0
  virtual void RaiseConfig() = 0;  // configuration change, bit 1
};

// A split virtqueue that the driver has enabled (virtio 1.2 §2.7). Belongs to the event loop's
// thread. Whatever the guest does to its rings costs it only its own requests: an impossible ring
// is an error, on which the transport sets DEVICE_NEEDS_RESET.
class Queue {
 public:
  // INVALID_ARGUMENT for a size that is not a power of two in 1..max_size, misaligned rings or
  // progress with chains in flight, OUT_OF_RANGE for rings outside RAM. `features` are the
  // negotiated ones (VIRTIO_F_INDIRECT_DESC, VIRTIO_F_EVENT_IDX matter). `memory` and `interrupt`
  // outlive the queue.
  static absl::StatusOr<Queue> Activate(const QueueConfig& config, uint16_t max_size,
                                        uint64_t features, const GuestMemory& memory,
                                        Interrupt& interrupt, QueueProgress progress = {});

  Queue(Queue&&) = default;
  Queue& operator=(Queue&&) = default;

  // The next available chain; nullopt when the driver has offered no more. An error means that the
  // ring or the chain is broken: INVALID_ARGUMENT for loops, indices out of range, more than
  // queue-size descriptors or 2^32 - 1 bytes, more chains at once than the queue has entries;
  // OUT_OF_RANGE for addresses.
  absl::StatusOr<std::optional<DescriptorChain>> Pop();
  // The same into `chain`, whose former contents are gone then in any case: for devices that take
  // many chains at once and keep the objects. False when the driver has offered no more.
  absl::StatusOr<bool> Pop(DescriptorChain& chain);

  // Hands a chain back to the driver with the number of bytes written to its writable part. The
  // driver sees it at the next Signal.
  void Complete(DescriptorChain&& chain, uint32_t written);

  // Undoes the latest Pop that was neither completed nor returned; in reverse order of Pop.
  void Return(DescriptorChain&& chain);

  // Shows the driver what was completed since the last Signal, and interrupts it if it asked for
  // that. Once a batch; a batch must end with it.
  void Signal();

  // Asks the driver to notify for the next chain, and returns true when one is there already (the
  // caller then goes on popping: the notification for it may never come). A driver without
  // EVENT_IDX goes on notifying until DisableNotification; with it, once per EnableNotification.
  bool EnableNotification();
  void DisableNotification();

  uint16_t size() const { return size_; }  // entries
  // Chains taken by Pop and not given back yet.
  uint16_t in_flight() const { return in_flight_; }

  QueueProgress progress() const { return {next_available_, next_used_}; }

 private:
  Queue(const GuestMemory& memory, Interrupt& interrupt, uint16_t size, uint64_t features,
        QueueProgress progress);
  absl::Status LoadAvailableIndex();
  absl::Status Walk(uint16_t head, DescriptorChain& chain) const;
  absl::Status CheckIndirect(uint16_t head, const VirtqDescriptor& descriptor) const;
  uint16_t* AvailableEvent();

  const GuestMemory* memory_;
  Interrupt* interrupt_;
  uint16_t size_;
  bool indirect_;
  bool event_idx_;
  // In guest memory, checked once: regions do not move.
  const VirtqDescriptor* descriptors_ = nullptr;
  uint16_t* available_ = nullptr;    // AvailableRingBytes
  uint16_t* used_header_ = nullptr;  // UsedRingBytes
  VirtqUsedElement* used_ring_ = nullptr;
  // Free-running ring indices.
  uint16_t available_index_;  // the driver's, as last seen
  uint16_t next_available_;
  uint16_t next_used_;
  uint16_t signalled_used_;
  uint16_t in_flight_ = 0;
};

}  // namespace voidbox

#endif  // VOIDBOX_VIRTIO_QUEUE_H_

#ifndef VOIDBOX_VIRTIO_TESTING_DRIVER_QUEUE_H_
#define VOIDBOX_VIRTIO_TESTING_DRIVER_QUEUE_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "virtio/guest_memory.h"
#include "virtio/queue.h"
#include "virtio/spec.h"

namespace voidbox {

// A piece of guest memory that the driver puts into a chain.
struct GuestBuffer {
  GuestAddress address;
  uint32_t bytes = 0;
  bool device_writable = false;
};

// The driver's side of a split queue, for tests: it can do what a driver does, and what a driver
// must not do. One thread, which may be another than the device's. Aborts when the rings are not in
// `memory`: that is the test's fault.
class DriverQueue {
 public:
  // Zeroes and uses BytesNeeded(size) bytes at `start` (aligned to 16). `memory` outlives it.
  DriverQueue(const GuestMemory& memory, GuestAddress start, uint16_t size, uint64_t features);
  static uint64_t BytesNeeded(uint16_t size);

  // For the queue's registers.
  const QueueConfig& config() const { return config_; }
  uint16_t size() const { return config_.size; }

  // Writes a chain of the buffers into free descriptors (which it must have) and makes it
  // available. Returns its head.
  uint16_t Offer(std::span<const GuestBuffer> buffers);
  uint16_t Offer(std::initializer_list<GuestBuffer> buffers) {
    return Offer(std::span<const GuestBuffer>(buffers.begin(), buffers.size()));
  }
  // The same by one descriptor and an indirect table at `table`.
  uint16_t OfferIndirect(GuestAddress table, std::span<const GuestBuffer> buffers);
  // Whether the device wants to be notified of what was offered since the last call.
  bool NotificationWanted();

  // The next used element that was not taken yet. Its descriptors are free again.
  std::optional<VirtqUsedElement> TakeUsed();
  // Asks for an interrupt at the next used element, or for none.
  void EnableInterrupt();
  void DisableInterrupt();

  // Free descriptors.
  size_t free() const { return free_.size(); }

  // What a driver must not do, or only knows how to.
  void WriteDescriptor(uint16_t index, const VirtqDescriptor& descriptor);
  void MakeAvailable(uint16_t head);
  void SetAvailableIndex(uint16_t index);
  uint16_t available_index() const { return available_index_; }
  uint16_t used_index() const;

 private:
  uint16_t TakeFree();
  void StoreShared(GuestAddress gpa, uint16_t value);
  uint16_t LoadShared(GuestAddress gpa) const;
  GuestAddress AvailableEntry(uint16_t position) const;

  const GuestMemory& memory_;
  const bool event_idx_;
  QueueConfig config_;
  std::vector<uint16_t> free_;
  std::vector<std::vector<uint16_t>> chains_;  // descriptors by head
  uint16_t available_index_ = 0;
  uint16_t notified_index_ = 0;
  uint16_t next_used_ = 0;
};

}  // namespace voidbox

#endif  // VOIDBOX_VIRTIO_TESTING_DRIVER_QUEUE_H_

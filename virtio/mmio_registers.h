#ifndef VOIDBOX_VIRTIO_MMIO_REGISTERS_H_
#define VOIDBOX_VIRTIO_MMIO_REGISTERS_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "virtio/device.h"
#include "virtio/queue.h"
#include "virtio/spec.h"
#include "virtio/transport_state.pb.h"

namespace voidbox {

// The registers of a virtio-mmio device that are plain state: feature negotiation, queue addresses
// and the driver's part of the status (virtio 1.2 §4.2.2). What a driver may not write at some
// point is ignored, as the register itself would. Not thread-safe; MmioTransport guards it.
class MmioRegisters {
 public:
  // `identity` outlives it. Features that every device has are added to those of `identity`.
  explicit MmioRegisters(const DeviceIdentity& identity);

  uint32_t Read(uint32_t offset) const;
  void Write(uint32_t offset, uint32_t value);

  // Adds to the status what of `value` the driver may add now (§3.1.1); writing 0 is not for here.
  // True when that sets DRIVER_OK.
  bool WriteStatus(uint32_t value);
  void SetNeedsReset() { status_ |= VIRTIO_STATUS_DEVICE_NEEDS_RESET; }
  void IncrementConfigGeneration() { ++config_generation_; }
  // Back to the state before any driver; the config generation stays.
  void Reset();

  bool driver_ok() const { return (status_ & VIRTIO_STATUS_DRIVER_OK) != 0; }
  bool needs_reset() const { return (status_ & VIRTIO_STATUS_DEVICE_NEEDS_RESET) != 0; }
  uint64_t features() const { return driver_features_; }
  const std::vector<QueueConfig>& queues() const { return queues_; }

  void Save(TransportState& state) const;
  // INVALID_ARGUMENT when no sequence of writes leads to that state; nothing changes then.
  absl::Status Restore(const TransportState& state);

 private:
  bool FeaturesAcceptable() const;
  uint32_t StatusAfter(uint32_t status, uint32_t value) const;
  bool StatusPossible() const;
  bool QueuesWritable() const;
  void WriteDriverFeatures(uint32_t value);
  void WriteQueue(uint32_t offset, uint32_t value);

  const DeviceIdentity& identity_;
  const uint64_t offered_;
  uint32_t status_ = 0;
  uint64_t driver_features_ = 0;
  bool impossible_feature_ = false;  // one above bit 63 was acknowledged
  uint32_t device_features_select_ = 0;
  uint32_t driver_features_select_ = 0;
  uint32_t queue_select_ = 0;
  uint32_t config_generation_ = 0;
  std::vector<QueueConfig> queues_;
};

}  // namespace voidbox

#endif  // VOIDBOX_VIRTIO_MMIO_REGISTERS_H_

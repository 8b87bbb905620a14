#ifndef VOIDBOX_VIRTIO_DEVICE_H_
#define VOIDBOX_VIRTIO_DEVICE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "virtio/queue.h"

namespace voidbox {

// What a device is; fixed for its life.
struct DeviceIdentity {
  uint32_t type = 0;       // virtio 1.2 §5
  absl::string_view name;  // for messages
  uint64_t features =
      0;  // offered, beside VIRTIO_F_VERSION_1, INDIRECT_DESC and EVENT_IDX, which all have
  std::vector<uint16_t> queue_sizes;  // the largest each queue may have
  std::string config;                 // device configuration space, little-endian
};

// What a device works with between DRIVER_OK and reset.
struct Activation {
  uint64_t features = 0;    // negotiated
  std::span<Queue> queues;  // all of the device's; the transport's, valid until Reset returns
  Interrupt* interrupt = nullptr;  // outlives the activation
};

// A virtio device behind a transport. The transport owns status, features, queue addresses and the
// interrupt. All virtual methods are called on the event loop's thread.
class VirtioDevice {
 public:
  explicit VirtioDevice(DeviceIdentity identity) : identity_(std::move(identity)) {}
  virtual ~VirtioDevice() = default;
  const DeviceIdentity& identity() const { return identity_; }

  // The driver is ready. On an error the transport sets DEVICE_NEEDS_RESET.
  virtual absl::Status Activate(const Activation& activation) = 0;
  // The driver has put something into `queue` (or seems to: spurious calls happen). An error breaks
  // the device until reset (DEVICE_NEEDS_RESET).
  virtual absl::Status HandleNotify(uint16_t queue) = 0;
  // Forgets the activation: when it returns, no queue and no guest memory is touched any more, on
  // any thread.
  virtual void Reset() = 0;
  // Called while the guest is paused, of an active device: finishes or sets aside what is in flight
  // (chains that are held are returned or completed), and returns what Restore needs; the queues'
  // progress is saved by the transport.
  virtual absl::StatusOr<std::string> Save() = 0;
  // Called after Activate on a new device of the same identity. `state` is hostile bytes.
  virtual absl::Status Restore(absl::string_view state) = 0;

 private:
  const DeviceIdentity identity_;
};

}  // namespace voidbox

#endif  // VOIDBOX_VIRTIO_DEVICE_H_

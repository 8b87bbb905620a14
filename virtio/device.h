#ifndef VOIDBOX_VIRTIO_DEVICE_H_
#define VOIDBOX_VIRTIO_DEVICE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
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

// What an active device may ask of its transport.
class DeviceTransport {
 public:
  virtual ~DeviceTransport() = default;
  // Runs `task` in a later turn of the event loop, unless the device is gone by then. Any thread,
  // from Activate until Reset is done.
  virtual void Post(std::function<void()> task) = 0;
  // Has HandleNotify called for `queue` in a later turn of the event loop: for a device that leaves
  // work undone so that others get their turn. Any thread.
  virtual void NotifyAgain(uint16_t queue) = 0;
  // Like an error returned by HandleNotify, for where there is no caller to return it to: the
  // device is reset in a later turn of the loop. The event loop's thread.
  virtual void Fail(absl::Status error) = 0;
};

// What a device works with between DRIVER_OK and reset.
struct Activation {
  uint64_t features = 0;    // negotiated
  std::span<Queue> queues;  // all of the device's; the transport's, valid until Reset is done
  Interrupt* interrupt = nullptr;        // outlives the activation
  DeviceTransport* transport = nullptr;  // outlives the activation
};

// A virtio device behind a transport. The transport owns status, features, queue addresses and the
// interrupt. All virtual methods are called on the event loop's thread, and none of them waits for
// anything: other devices, and the requests of the sandbox's owner, would wait with it.
class VirtioDevice {
 public:
  // Called once, on the event loop's thread: inside the call that it was given to, or later.
  using Done = std::function<void()>;

  explicit VirtioDevice(DeviceIdentity identity) : identity_(std::move(identity)) {}
  virtual ~VirtioDevice() = default;
  const DeviceIdentity& identity() const { return identity_; }

  // The driver is ready. On an error the transport sets DEVICE_NEEDS_RESET and calls Reset.
  virtual absl::Status Activate(const Activation& activation) = 0;
  // The driver has put something into `queue` (or seems to: spurious calls happen). An error breaks
  // the device until the driver resets it: the transport sets DEVICE_NEEDS_RESET and calls Reset.
  // Work is bounded per call (a queue's worth of chains): a driver that goes on offering must not
  // keep other devices waiting.
  virtual absl::Status HandleNotify(uint16_t queue) = 0;
  // Forgets the activation, and a Quiesce that is not done. When it is done, no queue and no guest
  // memory is touched any more, on any thread. Until then nothing else is called, but for the
  // destructor, which waits for what cannot be broken off.
  virtual void Reset(const Done& done) = 0;
  // Of an active device: finishes or sets aside what is in flight (chains that are held are
  // returned or completed). When it is done, nothing of the guest's memory is touched and no
  // interrupt raised until Resume. HandleNotify is not called meanwhile.
  virtual void Quiesce(const Done& done) { done(); }
  // Goes on; HandleNotify follows for every queue. A Quiesce that is not done is called off.
  virtual void Resume() {}
  // Of a quiesced device: what Restore needs; the queues' progress is saved by the transport.
  virtual absl::StatusOr<std::string> Save() = 0;
  // Called after Activate on a new device of the same identity. `state` is hostile bytes. On an
  // error the transport calls Reset.
  virtual absl::Status Restore(absl::string_view state) = 0;

 private:
  const DeviceIdentity identity_;
};

}  // namespace voidbox

#endif  // VOIDBOX_VIRTIO_DEVICE_H_

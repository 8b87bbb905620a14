#ifndef VOIDBOX_VIRTIO_TESTING_DEVICE_HARNESS_H_
#define VOIDBOX_VIRTIO_TESTING_DEVICE_HARNESS_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/event_loop.h"
#include "virtio/device.h"
#include "virtio/mmio_transport.h"
#include "virtio/testing/fake_driver.h"
#include "virtio/testing/guest_ram.h"

namespace voidbox {

// Makes a device on its event loop.
using DeviceFactory = std::function<std::unique_ptr<VirtioDevice>(EventLoop& loop)>;

// A machine with one device: guest memory, an event loop that runs on a thread of its own, a
// transport, and a driver for the test's thread. Aborts when it cannot be built.
class DeviceHarness {
 public:
  // `ram` may be another harness's, to restore into; it outlives this one.
  explicit DeviceHarness(const DeviceFactory& make_device, GuestRam* ram = nullptr);
  ~DeviceHarness();
  DeviceHarness(const DeviceHarness&) = delete;
  DeviceHarness& operator=(const DeviceHarness&) = delete;

  GuestRam& ram() { return *ram_; }
  const GuestMemory& memory() { return ram_->memory(); }
  MmioTransport& transport() { return *transport_; }
  FakeInterruptLine& line() { return line_; }
  FakeDriver& driver() { return *driver_; }
  EventLoop& loop() { return *loop_; }

  // Runs `task` on the loop's thread after what was posted or signalled before, and waits for it.
  void RunOnLoop(const std::function<void()>& task);
  // Waits until the loop has handled what was signalled before.
  void Settle();

  // Quiesces the device; to be followed by Resume.
  void Quiesce();
  void Resume();
  // The state of the device, which then goes on.
  absl::StatusOr<std::string> Save();
  // The same, and the device ends before it does anything more: for a restore over the same memory.
  // What the driver has set up can still be taken over.
  absl::StatusOr<std::string> SaveAndEnd();
  absl::Status Restore(absl::string_view state);

 private:
  std::unique_ptr<GuestRam> own_ram_;
  GuestRam* const ram_;
  FakeInterruptLine line_;
  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<MmioTransport> transport_;
  std::optional<FakeDriver> driver_;
  std::thread thread_;
};

}  // namespace voidbox

#endif  // VOIDBOX_VIRTIO_TESTING_DEVICE_HARNESS_H_

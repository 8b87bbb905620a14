// What holds for every virtio device. A device joins by an entry in //virtio:conformance_test.
#ifndef VOIDBOX_VIRTIO_TESTING_CONFORMANCE_H_
#define VOIDBOX_VIRTIO_TESTING_CONFORMANCE_H_

#include <functional>
#include <memory>
#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "virtio/testing/device_harness.h"

namespace voidbox {

struct ConformanceCase {
  std::string name;
  // Devices that are made one after the other are of the same identity, so that the state of one is
  // good for the next.
  DeviceFactory make_device;
  // A queue from which the device takes what is offered without being asked by anything else.
  uint16_t request_queue = 0;
  // Uses a started device and says whether it does what it is for.
  std::function<absl::Status(DeviceHarness&)> exercise;
  // Leaves a started device with requests that it may still be busy with.
  std::function<void(DeviceHarness&)> flood;
};
inline void PrintTo(const ConformanceCase& device, std::ostream* out) { *out << device.name; }

class DeviceConformanceTest : public ::testing::TestWithParam<ConformanceCase> {
 protected:
  // From whatever state, by a reset.
  void ExpectServesAfterReset() { ExpectServesAfterReset(*harness_); }
  void ExpectServesAfterReset(DeviceHarness& harness);
  void ExpectServes(DeviceHarness& harness);
  DriverQueue& RequestQueue() { return driver_.queue(GetParam().request_queue); }
  void NotifyRequests() { driver_.Notify(GetParam().request_queue); }

  std::unique_ptr<DeviceHarness> harness_ = std::make_unique<DeviceHarness>(GetParam().make_device);
  FakeDriver& driver_ = harness_->driver();
};

}  // namespace voidbox

#endif  // VOIDBOX_VIRTIO_TESTING_CONFORMANCE_H_

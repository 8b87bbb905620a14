#ifndef VOIDBOX_VIRTIO_TESTING_DEVICE_SCRIPT_H_
#define VOIDBOX_VIRTIO_TESTING_DEVICE_SCRIPT_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "virtio/testing/device_harness.h"

namespace voidbox {

// For fuzz targets: takes `bytes` for a list of things that a guest does to a device (registers,
// memory, rings, notifications) and a host (save, restore), and does them on one thread. After all
// that, a reset and a proper start must give a device that is alive; if not, it aborts.
void RunDeviceScript(const DeviceFactory& make_device, std::span<const uint8_t> bytes);

// Bytes that are taken for numbers; zeroes when there are no more.
class ScriptBytes {
 public:
  explicit ScriptBytes(std::span<const uint8_t> bytes) : bytes_(bytes) {}
  bool empty() const { return bytes_.empty(); }
  template <typename T>
  T Take() {
    T value = 0;
    for (size_t i = 0; i < sizeof(T) && !bytes_.empty(); ++i) {
      value |= static_cast<T>(T{bytes_[0]} << (8 * i));
      bytes_ = bytes_.subspan(1);
    }
    return value;
  }
  // At most `count`.
  std::span<const uint8_t> TakeBytes(size_t count);

 private:
  std::span<const uint8_t> bytes_;
};

// Guest memory for fuzz targets: 64 KiB at 0 and 16 KiB at 4 GiB, the same for all, zeroed here.
const GuestMemory& ScriptMemory();

}  // namespace voidbox

#endif  // VOIDBOX_VIRTIO_TESTING_DEVICE_SCRIPT_H_

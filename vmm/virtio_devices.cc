#include "vmm/virtio_devices.h"

namespace voidbox {

absl::StatusOr<std::vector<std::unique_ptr<VirtioDevice>>> MakeVirtioDevices(const vmm::VmConfig&,
                                                                             EventLoop&) {
  return std::vector<std::unique_ptr<VirtioDevice>>();
}

}  // namespace voidbox

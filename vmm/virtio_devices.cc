#include "vmm/virtio_devices.h"

#include <utility>

#include "base/status_macros.h"
#include "virtio/rng/rng_device.h"
#include "virtio/vsock/vsock_device.h"

namespace voidbox {

absl::StatusOr<std::vector<std::unique_ptr<VirtioDevice>>> MakeVirtioDevices(const vmm::VmConfig&,
                                                                             EventLoop& loop) {
  static HostEntropySource entropy;
  std::vector<std::unique_ptr<VirtioDevice>> devices;
  ASSIGN_OR_RETURN(std::unique_ptr<VirtioDevice> vsock, VsockDevice::Create({}, loop));
  devices.push_back(std::move(vsock));
  devices.push_back(std::make_unique<RngDevice>(entropy));
  return devices;
}

}  // namespace voidbox

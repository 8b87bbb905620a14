#include "vmm/virtio_devices.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "virtio/block/block_device.h"
#include "virtio/block/raw_file.h"
#include "virtio/rng/rng_device.h"
#include "virtio/vsock/vsock_device.h"

namespace voidbox {
namespace {

absl::StatusOr<std::unique_ptr<VirtioDevice>> MakeDisk(const vmm::Disk& disk,
                                                       const VirtioEnvironment& environment) {
  auto file = RawFile::Open(disk.path(), disk.read_only());
  if (!file.ok()) {
    return absl::Status(file.status().code(), absl::StrCat("disk ", file.status().message()));
  }
  return BlockDevice::Create(
      *std::move(file),
      {.serial = disk.serial(), .workers = {.on_thread_start = environment.on_worker_start}});
}

}  // namespace

absl::StatusOr<std::vector<std::unique_ptr<VirtioDevice>>> MakeVirtioDevices(
    const vmm::VmConfig& config, const VirtioEnvironment& environment) {
  std::vector<std::unique_ptr<VirtioDevice>> devices;
  ASSIGN_OR_RETURN(auto vsock, VsockDevice::Create({}, environment.loop));
  devices.push_back(std::move(vsock));
  for (const vmm::Disk& disk : config.disks()) {
    ASSIGN_OR_RETURN(auto device, MakeDisk(disk, environment));
    devices.push_back(std::move(device));
  }
  devices.push_back(std::make_unique<RngDevice>(environment.entropy));
  return devices;
}

}  // namespace voidbox

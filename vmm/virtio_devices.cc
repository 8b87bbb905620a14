#include "vmm/virtio_devices.h"

#include <utility>

#include "base/status_macros.h"
#include "virtio/block/block_device.h"
#include "virtio/block/cow_disk.h"
#include "virtio/block/raw_file.h"
#include "virtio/rng/rng_device.h"
#include "virtio/vsock/vsock_device.h"
#include "vmm/descriptor_budget.h"

namespace voidbox {
namespace {

absl::StatusOr<std::unique_ptr<BlockBackend>> OpenBackend(const vmm::Disk& disk) {
  if (disk.ephemeral()) {
    // The sandbox's directory.
    return CowDisk::OpenEphemeral(disk.path(), ".", disk.virtual_bytes());
  }
  if (!disk.overlay_path().empty()) {
    return CowDisk::Open(disk.path(), disk.overlay_path(), disk.virtual_bytes());
  }
  return RawFile::Open(disk.path(), disk.read_only());
}

absl::StatusOr<std::unique_ptr<VirtioDevice>> MakeDisk(const vmm::Disk& disk,
                                                       const VirtioEnvironment& environment) {
  ASSIGN_OR_RETURN(std::unique_ptr<BlockBackend> backend, OpenBackend(disk));
  return BlockDevice::Create(
      std::move(backend),
      {.serial = disk.serial(), .workers = {.on_thread_start = environment.on_worker_start}});
}

}  // namespace

absl::StatusOr<std::vector<std::unique_ptr<VirtioDevice>>> MakeVirtioDevices(
    const vmm::VmConfig& config, const VirtioEnvironment& environment) {
  std::vector<std::unique_ptr<VirtioDevice>> devices;
  VsockOptions vsock_options;
  ASSIGN_OR_RETURN(vsock_options.max_connections,
                   BudgetVsockConnections(vsock_options.max_connections));
  ASSIGN_OR_RETURN(auto vsock, VsockDevice::Create(vsock_options, environment.loop));
  devices.push_back(std::move(vsock));
  for (const vmm::Disk& disk : config.disks()) {
    ASSIGN_OR_RETURN(auto device, MakeDisk(disk, environment));
    devices.push_back(std::move(device));
  }
  devices.push_back(std::make_unique<RngDevice>(environment.entropy));
  return devices;
}

}  // namespace voidbox

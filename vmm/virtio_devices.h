#ifndef VOIDBOX_VMM_VIRTIO_DEVICES_H_
#define VOIDBOX_VMM_VIRTIO_DEVICES_H_

#include <functional>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "base/event_loop.h"
#include "virtio/device.h"
#include "virtio/rng/entropy_source.h"
#include "vmm/vmm.pb.h"

namespace voidbox {

// What the devices need from outside; outlives them.
struct VirtioEnvironment {
  EventLoop& loop;
  EntropySource& entropy;
  // Called first on each thread that waits for disks.
  std::function<void()> on_worker_start;
};

// The one place that knows which virtio devices there are: those that `config` asks for, in the
// order in which the guest finds them (so that the first disk is vda). The working directory is the
// sandbox's. Paths of disks are absolute.
absl::StatusOr<std::vector<std::unique_ptr<VirtioDevice>>> MakeVirtioDevices(
    const vmm::VmConfig& config, const VirtioEnvironment& environment);

}  // namespace voidbox

#endif  // VOIDBOX_VMM_VIRTIO_DEVICES_H_

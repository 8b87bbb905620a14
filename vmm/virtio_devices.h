#ifndef VOIDBOX_VMM_VIRTIO_DEVICES_H_
#define VOIDBOX_VMM_VIRTIO_DEVICES_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "base/event_loop.h"
#include "virtio/device.h"
#include "vmm/vmm.pb.h"

namespace voidbox {

// The one place that knows which virtio devices there are: those that `config` asks for, in the
// order in which the guest finds them (so that the first disk is vda). `loop` outlives them; the
// working directory is the sandbox's.
absl::StatusOr<std::vector<std::unique_ptr<VirtioDevice>>> MakeVirtioDevices(
    const vmm::VmConfig& config, EventLoop& loop);

}  // namespace voidbox

#endif  // VOIDBOX_VMM_VIRTIO_DEVICES_H_

#ifndef VOIDBOX_VMM_VMM_PROCESS_H_
#define VOIDBOX_VMM_VMM_PROCESS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "vmm/hypervisor.h"
#include "vmm/vmm.pb.h"

namespace voidbox {

// Where VmEvents go. Any thread; each event is one write.
class EventSink {
 public:
  explicit EventSink(int fd) : fd_(fd) {}  // borrowed; negative for none
  void Send(vmm::VmEvent event) const;     // with the time filled in

 private:
  const int fd_;
};

// OK, or INVALID_ARGUMENT naming the first field that is out of its bounds.
absl::Status ValidateConfig(const vmm::VmConfig& config);

// Runs the machine to its end and returns the process's exit status: 0 when the guest ended or it
// was asked to, 1 otherwise; the reason went to `events` and, for failures, to the log. `open`
// opens what it runs on.
int RunVmm(const vmm::VmConfig& config, const EventSink& events, const HypervisorOpener& open);

}  // namespace voidbox

#endif  // VOIDBOX_VMM_VMM_PROCESS_H_

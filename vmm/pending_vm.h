#ifndef VOIDBOX_VMM_PENDING_VM_H_
#define VOIDBOX_VMM_PENDING_VM_H_

#include <optional>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "vmm/kvm.h"

namespace voidbox {

// Opens /dev/kvm and creates a machine on a thread of its own. KVM_CREATE_VM waits for an RCU grace
// period, milliseconds (the machine's worker thread joins its owner's cgroup), in which the kernel
// can be loaded.
class PendingVm {
 public:
  struct Result {
    Kvm kvm;
    KvmVm vm;
  };

  PendingVm() : thread_([this] { Create(); }) {}
  ~PendingVm() {
    if (thread_.joinable()) thread_.join();
  }
  PendingVm(const PendingVm&) = delete;
  PendingVm& operator=(const PendingVm&) = delete;

  // Waits for it. Once.
  absl::StatusOr<Result> Take();

 private:
  void Create();

  std::optional<absl::StatusOr<Result>> result_;  // the thread's until it is joined
  std::thread thread_;
};

}  // namespace voidbox

#endif  // VOIDBOX_VMM_PENDING_VM_H_

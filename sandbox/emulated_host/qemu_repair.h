#ifndef VOIDBOX_SANDBOX_EMULATED_HOST_QEMU_REPAIR_H_
#define VOIDBOX_SANDBOX_EMULATED_HOST_QEMU_REPAIR_H_

#include <sys/types.h>

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace voidbox {

// QEMU's VMRUN (target/i386/tcg/sysemu/svm_helper.c, in QEMU 10 target/i386/tcg/system/,
// helper_vmrun) delivers an interrupt that KVM injects, and leaves its vector in
// CPUState::exception_index, as if it had still to be delivered. Where QEMU's loop comes by before
// the guest's next exit, asked to by another thread or at the end of a budget of counted
// instructions, it delivers the vector again, whether the guest has interrupts enabled or not: with
// a counting clock once in some ten thousand ticks while the handler of the first one holds the
// interrupt's spinlock, for which the guest then waits for ever.

// Where in the file of a QEMU the instruction is that leaves the vector there: an offset. NOT_FOUND
// unless there is exactly one such place. Knows the code of Debian 12's and 13's packages.
absl::StatusOr<uint64_t> FindStaleVectorStore(absl::string_view file);

// Makes the instruction in a running QEMU, which we may trace, one that does nothing. Its guest may
// not have begun to use KVM.
absl::Status RepairEventInjection(pid_t qemu);

}  // namespace voidbox

#endif  // VOIDBOX_SANDBOX_EMULATED_HOST_QEMU_REPAIR_H_

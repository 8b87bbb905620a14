#ifndef VOIDBOX_VMM_DESCRIPTOR_BUDGET_H_
#define VOIDBOX_VMM_DESCRIPTOR_BUDGET_H_

#include <cstddef>

#include "absl/status/statusor.h"

namespace voidbox {

// How many of `wanted` vsock connections this process can serve, a descriptor each: raises its
// limit of open files (RLIMIT_NOFILE) for them, and leaves out those that it needs itself, so that
// whatever guest and clients open, its control socket and its disks have theirs.
// FAILED_PRECONDITION when the hard limit does not even suffice for the latter.
absl::StatusOr<size_t> BudgetVsockConnections(size_t wanted);

}  // namespace voidbox

#endif  // VOIDBOX_VMM_DESCRIPTOR_BUDGET_H_

#include "vmm/descriptor_budget.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "base/descriptor_limit.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

// At most 32 vCPUs, 8 disks with a base, an overlay and two events each, 17 for the control socket,
// and some twenty for KVM, the event loop and what the owner hands over. The rest is room to grow.
constexpr uint64_t kOwnDescriptors = 192;
// Fewer would not do for a call beside a proxy.
constexpr uint64_t kFewestConnections = 8;

}  // namespace

absl::StatusOr<size_t> BudgetVsockConnections(size_t wanted) {
  ASSIGN_OR_RETURN(const uint64_t limit, RaiseDescriptorLimit(kOwnDescriptors + wanted));
  if (limit < kOwnDescriptors + kFewestConnections) {
    return absl::FailedPreconditionError(
        absl::StrCat("the limit of open files is ", limit, ", and a VMM needs ",
                     kOwnDescriptors + kFewestConnections, "; raise it with `ulimit -Hn`"));
  }
  return std::min<uint64_t>(wanted, limit - kOwnDescriptors);
}

}  // namespace voidbox

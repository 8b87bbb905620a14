#ifndef VOIDBOX_AGENT_KERNEL_MODULES_H_
#define VOIDBOX_AGENT_KERNEL_MODULES_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace voidbox {

// Puts the module in an open file into the kernel.
using InsertModule = std::function<absl::Status(int file)>;

// finit_module(2). One that is there already is OK.
absl::Status InsertKernelModule(int file);

// Inserts the modules that the file `list` names (base/kernel_module_list.h), in its order, and
// returns how many it inserted; 0 where there is no list. A module that cannot be inserted is
// logged: what it was for will be missing, and says so itself where that matters.
absl::StatusOr<int> LoadKernelModules(const std::string& list, const InsertModule& insert);

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_KERNEL_MODULES_H_

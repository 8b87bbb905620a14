#ifndef VOIDBOX_TOOLS_CLI_KVM_CHOICE_H_
#define VOIDBOX_TOOLS_CLI_KVM_CHOICE_H_

#include <string>

#include "absl/status/statusor.h"

namespace voidbox {

// Where sandboxes run.
struct KvmChoice {
  bool emulated = false;
  std::string reason;  // why it is the emulated host
};

// From --kvm-host (empty when not given), else $VOIDBOX_KVM_HOST, else "auto", which measures.
absl::StatusOr<KvmChoice> ChooseKvm(const std::string& flag);

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_KVM_CHOICE_H_

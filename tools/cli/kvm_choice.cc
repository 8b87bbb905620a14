#include "tools/cli/kvm_choice.h"

#include "absl/strings/str_cat.h"
#include "sandbox/home.h"
#include "sandbox/kvm_probe.h"
#include "tools/cli/run_in_host.h"

namespace voidbox {

absl::StatusOr<KvmChoice> ChooseKvm(const std::string& flag) {
  std::string wanted = flag;
  if (wanted.empty()) wanted = ProcessEnvironment("VOIDBOX_KVM_HOST").value_or("auto");
  if (wanted != "auto" && wanted != "native" && wanted != "emulated") {
    return absl::InvalidArgumentError(
        absl::StrCat("KVM host '", wanted, "' is not one of auto, native, emulated"));
  }
  if (IsInsideHost() || wanted == "native") return KvmChoice{};
  if (wanted == "emulated") return KvmChoice{true, ""};
  const KvmProbeResult probe = ProbeKvm();
  if (probe.usable) return KvmChoice{};
  return KvmChoice{true, absl::StrCat("no usable KVM here (", probe.reason, "); ")};
}

}  // namespace voidbox

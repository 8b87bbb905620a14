#ifndef VOIDBOX_VMM_KVM_PROBE_H_
#define VOIDBOX_VMM_KVM_PROBE_H_

#include <string>

namespace voidbox {

// What /dev/kvm of this machine is good for.
struct KvmProbeResult {
  bool usable = false;
  // Millions of instructions a second that a guest runs in ring 0; 0 when none ran. Real KVM does
  // hundreds, a paravirtual one that interprets about one.
  double ring0_mips = 0;
  std::string reason;  // why it is not usable, for a person; empty when it is
};

// Measures it: a guest of some thousand instructions in a child process, which is killed when it
// takes too long. Takes some ms. Call while the process has one thread.
KvmProbeResult ProbeKvm();

}  // namespace voidbox

#endif  // VOIDBOX_VMM_KVM_PROBE_H_

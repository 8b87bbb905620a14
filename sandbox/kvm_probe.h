#ifndef VOIDBOX_SANDBOX_KVM_PROBE_H_
#define VOIDBOX_SANDBOX_KVM_PROBE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace voidbox {

// What /dev/kvm of this machine is good for.
struct KvmProbeResult {
  bool usable = false;
  // Millions of instructions a second that a guest runs in ring 0; 0 when none ran. Real KVM does
  // hundreds, a paravirtual one that interprets about one.
  double ring0_mips = 0;
  // What KVM_CREATE_VM took, in milliseconds; 0 when no guest ran.
  double create_vm_ms = 0;
  std::string reason;  // why it is not usable, for a person; empty when it is
};

// From here on a start of a machine is slow. KVM's worker thread joins its owner's cgroup, which
// waits for an RCU grace period (some ms, or tens) unless cgroup2 favours such changes.
inline constexpr double kSlowCreateVmMs = 2;

// The directory where cgroup2 is mounted without `favordynmods`, in the text of /proc/self/mounts
// (proc_pid_mounts(5)); empty when it has that option, or is not mounted.
std::string SlowCgroupMount(const std::string& mounts);

// Measures it: a guest of some thousand instructions in a child process, which is killed when it
// takes too long. Takes some ms, on a slow KVM a tenth of a second. Call while the process has one
// thread.
KvmProbeResult ProbeKvm();

// Nanoseconds of the quickest of several rounds of the measurement; the first one that shows a
// usable KVM is the last. What slows a single round may be another process that had the processor,
// or the guest's first page faults. nullopt when `round`, which returns its nanoseconds, does.
std::optional<int64_t> QuickestRound(const std::function<std::optional<int64_t>()>& round);

}  // namespace voidbox

#endif  // VOIDBOX_SANDBOX_KVM_PROBE_H_

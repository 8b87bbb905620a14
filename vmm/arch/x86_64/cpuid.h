#ifndef VOIDBOX_VMM_ARCH_X86_64_CPUID_H_
#define VOIDBOX_VMM_ARCH_X86_64_CPUID_H_

#include <cstdint>
#include <span>
#include <vector>

#include "vmm/hypervisor.h"

namespace voidbox {

// What the guest's processor `vcpu` of `vcpu_count` says of itself: what KVM supports, less what a
// sandbox has no business with (performance counters, MONITOR, nested virtualisation), with one
// package of vcpu_count cores of one thread each. KVM does not list the TSC-deadline timer, which
// is its local APIC's; `tsc_deadline` says whether it is there.
std::vector<kvm_cpuid_entry2> MakeCpuid(std::span<const kvm_cpuid_entry2> supported, uint32_t vcpu,
                                        uint32_t vcpu_count, bool tsc_deadline);

// The components of XSAVE's state that a guest may enable, as XCR0 has them; 0 without XSAVE.
uint64_t SupportedXcr0(std::span<const kvm_cpuid_entry2> supported);

}  // namespace voidbox

#endif  // VOIDBOX_VMM_ARCH_X86_64_CPUID_H_

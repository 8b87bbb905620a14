#ifndef VOIDBOX_VMM_ARCH_X86_64_BOOT_SETUP_H_
#define VOIDBOX_VMM_ARCH_X86_64_BOOT_SETUP_H_

#include <cstdint>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "virtio/guest_memory.h"
#include "vmm/boot/kernel_image.h"
#include "vmm/hypervisor.h"

namespace voidbox {

struct InitramfsRange {
  uint64_t gpa = 0;
  uint64_t bytes = 0;  // 0: there is none
};

// Writes what the kernel reads at its entry: command line, MP table, ACPI tables, and the zero page
// with page tables and GDT (kLinux64) or hvm_start_info (kPvh). `irqs` are the interrupt lines in
// use.
absl::Status WriteBootData(const KernelImage& kernel, const InitramfsRange& initramfs,
                           absl::string_view command_line, uint32_t vcpu_count,
                           std::span<const uint32_t> irqs, const GuestMemory& memory);

// Puts the boot processor at the kernel's entry.
absl::Status SetBootRegisters(const KernelImage& kernel, VirtualCpu& vcpu);

// What every processor needs: CPUID, model-specific registers, local interrupt pins.
absl::Status SetProcessorState(std::span<const kvm_cpuid_entry2> supported,
                               const HypervisorLimits& limits, uint32_t id, uint32_t vcpu_count,
                               VirtualCpu& vcpu);

}  // namespace voidbox

#endif  // VOIDBOX_VMM_ARCH_X86_64_BOOT_SETUP_H_

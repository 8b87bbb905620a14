#ifndef VOIDBOX_VMM_ARCH_X86_64_ACPI_H_
#define VOIDBOX_VMM_ARCH_X86_64_ACPI_H_

#include <cstdint>
#include <span>
#include <string>

namespace voidbox {

// The ACPI 6.5 tables of a hardware-reduced machine (§3.11.1), as they lie at layout::kAcpiTables,
// RSDP first: what distributions' kernels find virtio-mmio devices by, ours having no ACPI. They
// tell what the MP table tells: `vcpu_count` processors (APIC ids 0 to vcpu_count - 1), one IOAPIC,
// and of the interrupt lines in use (`irqs`) the serial port's and those from
// layout::kFirstVirtioIrq on, each of the virtio-mmio device in that slot.
std::string MakeAcpiTables(uint32_t vcpu_count, std::span<const uint32_t> irqs);

}  // namespace voidbox

#endif  // VOIDBOX_VMM_ARCH_X86_64_ACPI_H_

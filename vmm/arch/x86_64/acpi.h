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
//
// The kernel's command line announces the same devices (vmm/boot/command_line.h), as nothing in a
// bzImage tells which of the two its kernel knows. Linux with both probes ACPI's first, whose
// memory then is taken, and logs -EBUSY for the others; their interrupt lines would not do, which
// such a kernel maps to numbers of its own.
std::string MakeAcpiTables(uint32_t vcpu_count, std::span<const uint32_t> irqs);

}  // namespace voidbox

#endif  // VOIDBOX_VMM_ARCH_X86_64_ACPI_H_

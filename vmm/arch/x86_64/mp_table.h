#ifndef VOIDBOX_VMM_ARCH_X86_64_MP_TABLE_H_
#define VOIDBOX_VMM_ARCH_X86_64_MP_TABLE_H_

#include <cstdint>
#include <span>
#include <string>

namespace voidbox {

// The Intel MultiProcessor Specification 1.4 tables for `vcpu_count` processors (APIC ids 0 to
// vcpu_count - 1), one IOAPIC, and the interrupt lines in use (`irqs`, each below
// layout::kIrqLines) as ISA interrupts: floating pointer, then configuration table, as they lie at
// layout::kMpTable. The guest programs every line that it finds there, at some exits each.
std::string MakeMpTable(uint32_t vcpu_count, std::span<const uint32_t> irqs);

}  // namespace voidbox

#endif  // VOIDBOX_VMM_ARCH_X86_64_MP_TABLE_H_

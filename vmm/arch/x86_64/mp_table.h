#ifndef VOIDBOX_VMM_ARCH_X86_64_MP_TABLE_H_
#define VOIDBOX_VMM_ARCH_X86_64_MP_TABLE_H_

#include <cstdint>
#include <string>

namespace voidbox {

// The Intel MultiProcessor Specification 1.4 tables for `vcpu_count` processors (APIC ids 0 to
// vcpu_count - 1), one IOAPIC and its lines as ISA interrupts: floating pointer, then configuration
// table, as they lie at layout::kMpTable.
std::string MakeMpTable(uint32_t vcpu_count);

}  // namespace voidbox

#endif  // VOIDBOX_VMM_ARCH_X86_64_MP_TABLE_H_

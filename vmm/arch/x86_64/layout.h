#ifndef VOIDBOX_VMM_ARCH_X86_64_LAYOUT_H_
#define VOIDBOX_VMM_ARCH_X86_64_LAYOUT_H_

#include <cstdint>

// Where things lie in guest-physical memory.
namespace voidbox::layout {

inline constexpr uint64_t kGdt = 0x500;
inline constexpr uint64_t kPvhStartInfo = 0x6000;
inline constexpr uint64_t kZeroPage = 0x7000;
inline constexpr uint64_t kPageTables = 0x9000;  // PML4, PDPT and the page directories
inline constexpr uint64_t kPageDirectories = 4;  // of a GiB each: the kernel lies below 3 GiB
inline constexpr uint64_t kCommandLine = 0x20000;
// The last KiB of base memory, one of the three places where the MP floating pointer is looked for
// (Intel MultiProcessor Specification 1.4, §4).
inline constexpr uint64_t kMpTable = 0x9fc00;
inline constexpr uint64_t kMpTableBytes = 0x400;
// From here to 1 MiB lies what a PC keeps for its firmware.
inline constexpr uint64_t kBaseMemoryEnd = kMpTable;
// Where kernels look for the RSDP that nothing points to (ACPI 6.5 §5.2.5.1).
inline constexpr uint64_t kAcpiTables = 0xe0000;
inline constexpr uint64_t kAcpiTablesBytes = 0x2000;
inline constexpr uint64_t kHighMemoryStart = 0x100000;

// Between RAM's two parts.
inline constexpr uint64_t kVirtioMmio = 0xd0000000;
inline constexpr uint64_t kIoApic = 0xfec00000;
inline constexpr uint64_t kLocalApic = 0xfee00000;
inline constexpr uint64_t kTss = 0xfffbd000;

inline constexpr uint32_t kFirstVirtioIrq = 5;  // 0 to 4: timer, keyboard, cascade, COM2, COM1
inline constexpr uint32_t kIrqLines = 24;       // of the IOAPIC
inline constexpr uint32_t kMaxVirtioDevices = kIrqLines - kFirstVirtioIrq;
inline constexpr uint32_t kMaxVcpus = 32;

}  // namespace voidbox::layout

#endif  // VOIDBOX_VMM_ARCH_X86_64_LAYOUT_H_

#include "vmm/arch/x86_64/boot_setup.h"

#include <asm/bootparam.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "vmm/arch/x86_64/acpi.h"
#include "vmm/arch/x86_64/cpuid.h"
#include "vmm/arch/x86_64/layout.h"
#include "vmm/arch/x86_64/mp_table.h"

namespace voidbox {
namespace {

// Intel SDM vol. 3A §2.5 and §2.2.1.
constexpr uint64_t kCr0ProtectionEnable = 1u << 0;
constexpr uint64_t kCr0ExtensionType = 1u << 4;
constexpr uint64_t kCr0Paging = 1u << 31;
constexpr uint64_t kCr4PhysicalAddressExtension = 1u << 5;
constexpr uint64_t kEferLongModeEnable = 1u << 8;
constexpr uint64_t kEferLongModeActive = 1u << 10;
constexpr uint64_t kRflagsReserved = 1u << 1;  // always one

// Intel SDM vol. 4, table 2-2.
constexpr uint32_t kMsrMiscEnable = 0x1a0;
constexpr uint64_t kMiscEnableFastStrings = 1;
constexpr uint32_t kMsrMtrrDefaultType = 0x2ff;
constexpr uint64_t kMtrrEnabledWriteBack = 0x806;

// Local APIC, Intel SDM vol. 3A §11.5.1.
constexpr size_t kApicLvtLint0 = 0x350;
constexpr size_t kApicLvtLint1 = 0x360;
constexpr uint32_t kApicDeliveryMask = 0x700;
constexpr uint32_t kApicDeliveryNmi = 0x400;
constexpr uint32_t kApicDeliveryExtInt = 0x700;

// Segment descriptors: Intel SDM vol. 3A §3.4.5. Selectors as the Linux boot protocol wants them.
constexpr uint16_t kCodeSelector = 0x10, kDataSelector = 0x18, kTssSelector = 0x20;
constexpr uint64_t kCode64 = 0x00af9b000000ffff, kCode32 = 0x00cf9b000000ffff;
constexpr uint64_t kData32 = 0x00cf93000000ffff;
constexpr uint64_t kTss32 = 0x00008b0000000067;

constexpr uint64_t kPagePresentWritable = 0x3;
constexpr uint64_t kPageLarge = 0x80;
constexpr uint64_t kPageBytes = 4096;
constexpr uint64_t kLargePageBytes = 2 << 20;
constexpr uint64_t kGibibyte = 1 << 30;

constexpr uint32_t kE820Ram = 1, kE820Reserved = 2;
constexpr uint8_t kLoaderUndefined = 0xff;
constexpr uint16_t kBootFlag = 0xaa55;
constexpr uint32_t kHeaderMagic = 0x53726448;  // "HdrS"
constexpr uint32_t kKernelAlignment = 0x1000000;
constexpr uint64_t kSetupHeaderOffset = offsetof(boot_params, hdr);

struct MemoryEntry {
  uint64_t start;
  uint64_t bytes;
  uint32_t type;
};

std::vector<MemoryEntry> MemoryMapOf(const GuestMemory& memory) {
  std::vector<MemoryEntry> map = {
      {0, layout::kBaseMemoryEnd, kE820Ram},
      {layout::kBaseMemoryEnd, layout::kHighMemoryStart - layout::kBaseMemoryEnd, kE820Reserved}};
  for (const GuestMemory::Region& region : memory.regions()) {
    const uint64_t start = std::max(region.start.value, layout::kHighMemoryStart);
    map.push_back({start, region.start.value + region.bytes.size() - start, kE820Ram});
  }
  return map;
}

absl::Status WriteBytes(const GuestMemory& memory, uint64_t gpa, absl::string_view bytes) {
  return memory.Write(GuestAddress{gpa}, std::as_bytes(std::span(bytes.data(), bytes.size())));
}

// Identity map in 2 MiB pages, in whole GiB, of what the kernel needs until it makes its own: its
// range up to init_size, and the first GiB with the zero page and the command line (Linux x86 boot
// protocol 2.15, "64-bit Boot Protocol").
absl::Status WritePageTables(const KernelImage& kernel, const GuestMemory& memory) {
  constexpr uint64_t kPml4 = layout::kPageTables;
  constexpr uint64_t kPdpt = kPml4 + kPageBytes;
  constexpr uint64_t kFirstPd = kPdpt + kPageBytes;
  const uint64_t gibibytes = std::max<uint64_t>((kernel.end + kGibibyte - 1) / kGibibyte, 1);
  if (gibibytes > layout::kPageDirectories) {
    return absl::InvalidArgumentError(
        absl::StrCat("the kernel needs memory up to 0x", absl::Hex(kernel.end), ", beyond the ",
                     layout::kPageDirectories, " GiB that are mapped at its 64-bit entry"));
  }
  RETURN_IF_ERROR(memory.WriteObject(GuestAddress{kPml4}, kPdpt | kPagePresentWritable));
  uint64_t page = 0;
  for (uint64_t i = 0; i < gibibytes; ++i) {
    const uint64_t pd = kFirstPd + i * kPageBytes;
    RETURN_IF_ERROR(
        memory.WriteObject(GuestAddress{kPdpt + i * sizeof(uint64_t)}, pd | kPagePresentWritable));
    std::array<uint64_t, 512> entries;
    for (uint64_t& entry : entries) {
      entry = page | kPagePresentWritable | kPageLarge;
      page += kLargePageBytes;
    }
    RETURN_IF_ERROR(memory.WriteObject(GuestAddress{pd}, entries));
  }
  return absl::OkStatus();
}

std::array<uint64_t, 5> MakeGdt(BootProtocol protocol) {
  return {0, 0, protocol == BootProtocol::kLinux64 ? kCode64 : kCode32, kData32, kTss32};
}

absl::Status WriteZeroPage(const KernelImage& kernel, const InitramfsRange& initramfs,
                           size_t command_line_bytes, const GuestMemory& memory) {
  boot_params params = {};
  if (kernel.setup_header.empty()) {
    params.hdr.boot_flag = kBootFlag;
    params.hdr.header = kHeaderMagic;
    params.hdr.kernel_alignment = kKernelAlignment;
  } else {
    std::memcpy(reinterpret_cast<char*>(&params) + kSetupHeaderOffset, kernel.setup_header.data(),
                std::min(kernel.setup_header.size(), sizeof(params.hdr)));
  }
  params.acpi_rsdp_addr = layout::kAcpiTables;
  params.hdr.type_of_loader = kLoaderUndefined;
  params.hdr.cmd_line_ptr = layout::kCommandLine;
  params.hdr.cmdline_size = static_cast<uint32_t>(command_line_bytes);
  params.hdr.ramdisk_image = static_cast<uint32_t>(initramfs.gpa);
  params.hdr.ramdisk_size = static_cast<uint32_t>(initramfs.bytes);
  for (const MemoryEntry& entry : MemoryMapOf(memory)) {
    params.e820_table[params.e820_entries++] = {entry.start, entry.bytes, entry.type};
  }
  return memory.WriteObject(GuestAddress{layout::kZeroPage}, params);
}

// Xen xen/include/public/arch-x86/hvm/start_info.h.
struct HvmStartInfo {
  uint32_t magic = 0x336ec578;
  uint32_t version = 1;
  uint32_t flags = 0;
  uint32_t module_count = 0;
  uint64_t modules = 0;
  uint64_t command_line = layout::kCommandLine;
  uint64_t rsdp = layout::kAcpiTables;
  uint64_t memory_map = 0;
  uint32_t memory_map_entries = 0;
  uint32_t reserved = 0;
};
static_assert(sizeof(HvmStartInfo) == 56);

struct HvmModule {
  uint64_t address = 0;
  uint64_t bytes = 0;
  uint64_t command_line = 0;
  uint64_t reserved = 0;
};
static_assert(sizeof(HvmModule) == 32);

struct HvmMemoryEntry {
  uint64_t address = 0;
  uint64_t bytes = 0;
  uint32_t type = 0;
  uint32_t reserved = 0;
};
static_assert(sizeof(HvmMemoryEntry) == 24);

absl::Status WriteStartInfo(const InitramfsRange& initramfs, const GuestMemory& memory) {
  HvmStartInfo info;
  constexpr uint64_t kModule = layout::kPvhStartInfo + sizeof(HvmStartInfo);
  constexpr uint64_t kMap = kModule + sizeof(HvmModule);
  if (initramfs.bytes > 0) {
    info.module_count = 1;
    info.modules = kModule;
    RETURN_IF_ERROR(memory.WriteObject(
        GuestAddress{kModule}, HvmModule{.address = initramfs.gpa, .bytes = initramfs.bytes}));
  }
  info.memory_map = kMap;
  for (const MemoryEntry& entry : MemoryMapOf(memory)) {
    RETURN_IF_ERROR(memory.WriteObject(
        GuestAddress{kMap + info.memory_map_entries++ * sizeof(HvmMemoryEntry)},
        HvmMemoryEntry{.address = entry.start, .bytes = entry.bytes, .type = entry.type}));
  }
  return memory.WriteObject(GuestAddress{layout::kPvhStartInfo}, info);
}

kvm_segment MakeSegment(uint64_t descriptor, uint16_t selector) {
  kvm_segment segment = {};
  segment.base = (descriptor >> 16 & 0xffffff) | (descriptor >> 56 & 0xff) << 24;
  segment.limit = static_cast<uint32_t>((descriptor & 0xffff) | (descriptor >> 48 & 0xf) << 16);
  segment.selector = selector;
  segment.type = descriptor >> 40 & 0xf;
  segment.s = descriptor >> 44 & 1;
  segment.dpl = descriptor >> 45 & 3;
  segment.present = descriptor >> 47 & 1;
  segment.avl = descriptor >> 52 & 1;
  segment.l = descriptor >> 53 & 1;
  segment.db = descriptor >> 54 & 1;
  segment.g = descriptor >> 55 & 1;
  if (segment.g) segment.limit = segment.limit << 12 | 0xfff;
  return segment;
}

absl::Status SetLocalInterruptPins(VirtualCpu& vcpu) {
  ASSIGN_OR_RETURN(kvm_lapic_state lapic, vcpu.GetLapic());
  const auto set_delivery = [&](size_t offset, uint32_t mode) {
    uint32_t value;
    std::memcpy(&value, lapic.regs + offset, sizeof(value));
    value = (value & ~kApicDeliveryMask) | mode;
    std::memcpy(lapic.regs + offset, &value, sizeof(value));
  };
  set_delivery(kApicLvtLint0, kApicDeliveryExtInt);
  set_delivery(kApicLvtLint1, kApicDeliveryNmi);
  return vcpu.SetLapic(lapic);
}

}  // namespace

absl::Status WriteBootData(const KernelImage& kernel, const InitramfsRange& initramfs,
                           absl::string_view command_line, uint32_t vcpu_count,
                           std::span<const uint32_t> irqs, const GuestMemory& memory) {
  RETURN_IF_ERROR(WriteBytes(memory, layout::kCommandLine, command_line));
  RETURN_IF_ERROR(
      memory.WriteObject(GuestAddress{layout::kCommandLine + command_line.size()}, '\0'));
  RETURN_IF_ERROR(WriteBytes(memory, layout::kMpTable, MakeMpTable(vcpu_count, irqs)));
  RETURN_IF_ERROR(WriteBytes(memory, layout::kAcpiTables, MakeAcpiTables(vcpu_count, irqs)));
  RETURN_IF_ERROR(memory.WriteObject(GuestAddress{layout::kGdt}, MakeGdt(kernel.protocol)));
  if (kernel.protocol == BootProtocol::kPvh) return WriteStartInfo(initramfs, memory);
  RETURN_IF_ERROR(WritePageTables(kernel, memory));
  return WriteZeroPage(kernel, initramfs, command_line.size(), memory);
}

absl::Status SetBootRegisters(const KernelImage& kernel, VirtualCpu& vcpu) {
  ASSIGN_OR_RETURN(kvm_sregs sregs, vcpu.GetSregs());
  const auto gdt = MakeGdt(kernel.protocol);
  sregs.gdt.base = layout::kGdt;
  sregs.gdt.limit = sizeof(gdt) - 1;
  sregs.cs = MakeSegment(gdt[2], kCodeSelector);
  sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = MakeSegment(gdt[3], kDataSelector);
  sregs.tr = MakeSegment(gdt[4], kTssSelector);
  sregs.cr0 = kCr0ProtectionEnable | kCr0ExtensionType;
  sregs.cr4 = 0;
  sregs.efer = 0;
  kvm_regs regs = {};
  regs.rflags = kRflagsReserved;
  regs.rip = kernel.entry;
  if (kernel.protocol == BootProtocol::kLinux64) {
    sregs.cr3 = layout::kPageTables;
    sregs.cr4 = kCr4PhysicalAddressExtension;
    sregs.cr0 |= kCr0Paging;
    sregs.efer = kEferLongModeEnable | kEferLongModeActive;
    regs.rsi = layout::kZeroPage;
    regs.rsp = regs.rbp = layout::kZeroPage;  // a stack below the zero page, for payloads that push
  } else {
    regs.rbx = layout::kPvhStartInfo;
  }
  RETURN_IF_ERROR(vcpu.SetSregs(sregs));
  return vcpu.SetRegs(regs);
}

absl::Status SetProcessorState(std::span<const kvm_cpuid_entry2> supported,
                               const HypervisorLimits& limits, uint32_t id, uint32_t vcpu_count,
                               VirtualCpu& vcpu) {
  RETURN_IF_ERROR(vcpu.SetCpuid(MakeCpuid(supported, id, vcpu_count, limits.tsc_deadline)));
  const std::array<kvm_msr_entry, 2> msrs = {{
      {.index = kMsrMiscEnable, .reserved = 0, .data = kMiscEnableFastStrings},
      {.index = kMsrMtrrDefaultType, .reserved = 0, .data = kMtrrEnabledWriteBack},
  }};
  RETURN_IF_ERROR(vcpu.SetMsrs(msrs));
  // Reset leaves 1, and Linux sets it to this. But QEMU's emulated SVM does not tell KVM of it, and
  // CPUID leaf 0xd would contradict itself: a warning of sixty lines at every boot.
  if (const uint64_t xcr0 = SupportedXcr0(supported); limits.xcrs && xcr0 != 0) {
    RETURN_IF_ERROR(vcpu.SetXcr0(xcr0));
  }
  return SetLocalInterruptPins(vcpu);
}

}  // namespace voidbox

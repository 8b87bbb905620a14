// A guest of two processors that does to the machine's devices what no driver would: random writes
// and reads of every width to every virtio-mmio page and I/O port, and between them the sequences
// that make a device run, on rings of garbage. Freestanding; entered in 64-bit mode (see
// vmm/arch/x86_64/boot_setup.cc), it never ends.
//
// Devices write where the garbage points to. So that the guest itself survives, descriptors name
// only memory from kScratch on, or addresses far outside RAM, and nothing below the program at 16
// MiB is needed once both processors run.
#include <stdint.h>

namespace {

constexpr uint64_t kMmio = 0xd0000000;
constexpr uint64_t kMmioPages =
    4;  // the last ones have no device, whose accesses end on an empty bus
constexpr uint64_t kScratch = 32 << 20;  // to the end of RAM
constexpr uint64_t kScratchBytes = 1 << 20;

constexpr uint64_t kMaxQueueSize = 1024;

constexpr uint32_t kMsrApicBase = 0x1b;
constexpr uint64_t kApicX2Enabled = 0xc00;
constexpr uint32_t kMsrX2ApicIcr = 0x830;  // Intel SDM vol. 3A §11.12.9
constexpr uint64_t kInitOthers = 0xc4500;
constexpr uint64_t kStartOthers = 0xc4600;  // + the page number of the first instruction
constexpr uint64_t kTrampoline = 0x8000;

constexpr uint16_t kBootMarkPort = 0xed0;
// More events than fit into a pipe of 64 KiB.
constexpr uint32_t kBootMarks = 8192;
constexpr uint16_t kI8042Command = 0x64;  // whose byte 0xfe ends the machine, by contract
constexpr uint8_t kResetCommand = 0xfe;

// virtio 1.2 §4.2.2
enum Register : uint32_t {
  kDeviceFeatures = 0x10,
  kDeviceFeaturesSel = 0x14,
  kDriverFeatures = 0x20,
  kDriverFeaturesSel = 0x24,
  kQueueSel = 0x30,
  kQueueNumMax = 0x34,
  kQueueNum = 0x38,
  kQueueReady = 0x44,
  kQueueNotify = 0x50,
  kInterruptAck = 0x64,
  kStatus = 0x70,
  kQueueDesc = 0x80,
  kQueueDriver = 0x90,
  kQueueDevice = 0xa0,
  kEnd = 0x120,  // beyond every device's configuration space
};

alignas(4096) uint64_t pml4[512];
alignas(4096) uint64_t pdpt[512];
alignas(4096) uint64_t ram_directory[512];
alignas(4096) uint64_t device_directory[512];
volatile bool second_runs;

struct Random {  // xorshift64
  uint64_t state;
  uint64_t Next() {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
  }
  uint64_t Below(uint64_t bound) { return (Next() >> 11) % bound; }
  bool Chance(uint64_t one_in) { return Below(one_in) == 0; }
};

void WriteMsr(uint32_t msr, uint64_t value) {
  asm volatile("wrmsr" ::"c"(msr), "a"(static_cast<uint32_t>(value)),
               "d"(static_cast<uint32_t>(value >> 32)));
}

uint64_t ReadMsr(uint32_t msr) {
  uint32_t low, high;
  asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
  return uint64_t{high} << 32 | low;
}

template <typename T>
volatile T& At(uint64_t address) {
  return *reinterpret_cast<volatile T*>(address);
}

// Has read it.
template <typename T>
void Discard(T) {}

void Store(uint64_t address, uint64_t width, uint64_t value) {
  switch (width) {
    case 1:
      At<uint8_t>(address) = static_cast<uint8_t>(value);
      return;
    case 2:
      At<uint16_t>(address) = static_cast<uint16_t>(value);
      return;
    case 4:
      At<uint32_t>(address) = static_cast<uint32_t>(value);
      return;
    default:
      At<uint64_t>(address) = value;
  }
}

void Load(uint64_t address, uint64_t width) {
  switch (width) {
    case 1:
      Discard(At<uint8_t>(address));
      return;
    case 2:
      Discard(At<uint16_t>(address));
      return;
    case 4:
      Discard(At<uint32_t>(address));
      return;
    default:
      Discard(At<uint64_t>(address));
  }
}

uint64_t Page(Random& random) { return kMmio + random.Below(kMmioPages) * 4096; }

void TouchRegister(Random& random) {
  uint64_t offset = random.Chance(4) ? random.Below(4096) : random.Below(kEnd);
  if (!random.Chance(4)) offset &= ~uint64_t{3};
  const uint64_t address = Page(random) + offset;
  const uint64_t width = random.Chance(2) ? 4 : uint64_t{1} << random.Below(4);
  if (random.Chance(4)) return Load(address, width);
  Store(address, width, random.Chance(2) ? random.Below(16) : random.Next());
}

uint16_t Port(Random& random) {
  switch (random.Below(8)) {
    case 0:
      return static_cast<uint16_t>(0x60 + random.Below(6));  // i8042
    case 1:
      return kBootMarkPort;
    case 2:
    case 3:
      return static_cast<uint16_t>(0x3f8 + random.Below(8));  // serial
    default:
      return static_cast<uint16_t>(random.Next());
  }
}

void TouchPort(Random& random) {
  const uint16_t port = Port(random);
  uint32_t value = static_cast<uint32_t>(random.Next() >> 16);
  const bool write = !random.Chance(4);
  switch (random.Below(3)) {
    case 0:
      if (port == kI8042Command && static_cast<uint8_t>(value) == kResetCommand) return;
      if (write) {
        asm volatile("outb %b0, %1" ::"a"(value), "d"(port));
      } else {
        asm volatile("inb %1, %b0" : "=a"(value) : "d"(port));
      }
      return;
    case 1:
      if (write) {
        asm volatile("outw %w0, %1" ::"a"(value), "d"(port));
      } else {
        asm volatile("inw %1, %w0" : "=a"(value) : "d"(port));
      }
      return;
    default:
      if (write) {
        asm volatile("outl %0, %1" ::"a"(value), "d"(port));
      } else {
        asm volatile("inl %1, %0" : "=a"(value) : "d"(port));
      }
  }
}

// What rings and requests are made of: addresses, descriptors' second halves with small lengths,
// anything.
void Scribble(Random& random) {
  uint64_t at = kScratch + random.Below(kScratchBytes / 64) * 64;
  const uint64_t end = kScratch + kScratchBytes;
  for (uint64_t count = random.Below(512); count > 0 && at < end; --count, at += 16) {
    const uint64_t address = random.Chance(8) ? random.Next() | uint64_t{1} << 63
                                              : kScratch + random.Below(kScratchBytes);
    const uint64_t flags = random.Chance(8) ? random.Next() & 0xffff : random.Below(8);
    const uint64_t length = random.Chance(4) ? random.Below(0x20000) : random.Below(64) * 16;
    if (random.Chance(8)) {  // a block request's type and sector, virtio 1.2 §5.2.6
      At<uint64_t>(at) = random.Below(14);
      At<uint64_t>(at + 8) = random.Below(4096);
      continue;
    }
    At<uint64_t>(at) = address;
    At<uint64_t>(at + 8) = random.Below(64) << 48 | flags << 32 | length;
  }
}

uint64_t RingAddress(Random& random) {
  if (random.Chance(32)) return random.Next() | uint64_t{1} << 63;
  return kScratch + random.Below(kScratchBytes / 64) * 64;
}

void StoreRegister(uint64_t page, uint32_t offset, uint64_t value) {
  At<uint32_t>(page + offset) = static_cast<uint32_t>(value);
}

void StoreAddress(uint64_t page, uint32_t offset, uint64_t value) {
  StoreRegister(page, offset, value);
  StoreRegister(page, offset + 4, value >> 32);
}

// A driver area that offers some chains from a descriptor table of garbage; virtio 1.2 §2.7.6.
void OfferChains(Random& random, uint64_t driver_area, uint64_t size) {
  At<uint16_t>(driver_area) = 0;
  for (uint64_t i = 0; i < size; ++i) {
    At<uint16_t>(driver_area + 4 + 2 * i) = static_cast<uint16_t>(random.Below(size));
  }
  At<uint16_t>(driver_area + 2) = static_cast<uint16_t>(1 + random.Below(size));
}

// As a driver does it, but for the addresses and what is there.
void StartDevice(Random& random) {
  const uint64_t page = Page(random);
  StoreRegister(page, kStatus, 0);
  StoreRegister(page, kStatus, 1);
  StoreRegister(page, kStatus, 3);
  for (uint32_t half = 0; half < 2; ++half) {
    StoreRegister(page, kDeviceFeaturesSel, half);
    StoreRegister(page, kDriverFeaturesSel, half);
    uint64_t features = At<uint32_t>(page + kDeviceFeatures);
    if (half == 0 && random.Chance(2)) features &= random.Next();
    StoreRegister(page, kDriverFeatures, features);
  }
  StoreRegister(page, kStatus, 11);
  for (uint32_t queue = 0; queue < 4; ++queue) {
    StoreRegister(page, kQueueSel, queue);
    const uint64_t max = At<uint32_t>(page + kQueueNumMax);
    if (max == 0 || max > kMaxQueueSize) break;  // an empty bus reads as ones
    StoreRegister(page, kQueueNum, random.Chance(16) ? random.Next() : max);
    const uint64_t driver_area = RingAddress(random);
    if (driver_area >> 63 == 0 && !random.Chance(4)) OfferChains(random, driver_area, max);
    StoreAddress(page, kQueueDesc, RingAddress(random));
    StoreAddress(page, kQueueDriver, driver_area);
    StoreAddress(page, kQueueDevice, RingAddress(random));
    StoreRegister(page, kQueueReady, 1);
  }
  StoreRegister(page, kStatus, 15);
  for (uint32_t queue = 0; queue < 4; ++queue) StoreRegister(page, kQueueNotify, queue);
}

// Most notifications never leave the kernel: each wakes the VMM's loop instead.
void Notify(Random& random) {
  const uint64_t page = Page(random);
  for (uint32_t queue = 0; queue < 4; ++queue) StoreRegister(page, kQueueNotify, queue);
  StoreRegister(page, kInterruptAck, 3);
}

[[noreturn]] void Rave(uint64_t seed) {
  Random random{seed};
  for (;;) {
    switch (random.Below(8)) {
      case 0:
        if (random.Chance(4)) StartDevice(random);
        break;
      case 1:
        Scribble(random);
        break;
      case 2:
        Notify(random);
        break;
      case 3:
      case 4:
        TouchPort(random);
        break;
      default:
        TouchRegister(random);
    }
  }
}

// Identity maps of RAM and of the devices in 2 MiB pages, out of reach of the devices' writes.
void MapMemory() {
  for (uint64_t i = 0; i < 512; ++i) {
    ram_directory[i] = (i << 21) | 0x83;
    device_directory[i] = (uint64_t{3} << 30) | (i << 21) | 0x93;  // uncached
  }
  pdpt[0] = reinterpret_cast<uint64_t>(ram_directory) | 3;
  pdpt[3] = reinterpret_cast<uint64_t>(device_directory) | 3;
  pml4[0] = reinterpret_cast<uint64_t>(pdpt) | 3;
  asm volatile("mov %0, %%cr3" ::"r"(pml4) : "memory");
}

}  // namespace

extern "C" const char trampoline[], trampoline_end[];

extern "C" [[noreturn]] void FirstMain() {
  MapMemory();
  for (const char* from = trampoline; from < trampoline_end; ++from) {
    At<char>(kTrampoline + static_cast<uint64_t>(from - trampoline)) = *from;
  }
  WriteMsr(kMsrApicBase, ReadMsr(kMsrApicBase) | kApicX2Enabled);
  WriteMsr(kMsrX2ApicIcr, kInitOthers);
  WriteMsr(kMsrX2ApicIcr, kStartOthers | kTrampoline >> 12);
  while (!second_runs) asm volatile("pause");
  for (uint32_t i = 0; i < kBootMarks; ++i) {
    asm volatile("outb %b0, %1" ::"a"(i), "d"(kBootMarkPort));
  }
  Rave(0x9e3779b97f4a7c15);
}

extern "C" [[noreturn]] void SecondMain() {
  MapMemory();
  second_runs = true;
  Rave(0xd1b54a32d192ed03);
}

// The second processor begins in real mode at the trampoline's copy, CS's base being its address.
// It takes the GDT (0x500: code at 0x10) and the page tables (0x9000) that the VMM made for the
// first: Intel SDM vol. 3A §10.8.5.
asm(R"(
  .section .text.start, "ax"
  .globl _start
_start:
  lea first_stack(%rip), %rsp
  call FirstMain
second_start:
  mov $0x18, %eax
  mov %eax, %ss
  lea second_stack(%rip), %rsp
  call SecondMain

  .section .rodata
  .globl trampoline, trampoline_end
  .code16
trampoline:
  cli
  mov %cs, %ax
  mov %ax, %ds
  lgdtl gdt_pointer - trampoline
  mov %cr4, %eax
  or $0x20, %eax
  mov %eax, %cr4
  mov $0x9000, %eax
  mov %eax, %cr3
  mov $0xc0000080, %ecx
  rdmsr
  or $0x100, %eax
  wrmsr
  mov %cr0, %eax
  and $0x9fffffff, %eax
  or $0x80000001, %eax
  mov %eax, %cr0
  ljmpl $0x10, $second_start
gdt_pointer:
  .word 39
  .long 0x500
trampoline_end:
  .code64

  .bss
  .balign 16
  .skip 16384
first_stack:
  .skip 16384
second_stack:
  .text
)");

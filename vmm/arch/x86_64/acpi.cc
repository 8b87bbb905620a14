#include "vmm/arch/x86_64/acpi.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/check.h"
#include "devices/i8042.h"
#include "devices/serial.h"
#include "virtio/mmio_transport.h"
#include "vmm/arch/x86_64/aml.h"
#include "vmm/arch/x86_64/layout.h"

namespace voidbox {
namespace {

// All fields are little-endian.
struct [[gnu::packed]] Rsdp {  // §5.2.5.3
  char signature[8] = {'R', 'S', 'D', ' ', 'P', 'T', 'R', ' '};
  uint8_t checksum = 0;  // of the first 20 bytes
  char oem[6] = {'V', 'O', 'I', 'D', 'B', 'X'};
  uint8_t revision = 2;
  uint32_t rsdt = 0;  // none: there is an XSDT
  uint32_t length = 36;
  uint64_t xsdt = 0;
  uint8_t extended_checksum = 0;  // of all
  uint8_t reserved[3] = {};
};
static_assert(sizeof(Rsdp) == 36);
constexpr size_t kRsdpChecksummed = 20;

struct [[gnu::packed]] TableHeader {  // §5.2.6
  char signature[4] = {};
  uint32_t length = 0;
  uint8_t revision = 0;
  uint8_t checksum = 0;
  char oem[6] = {'V', 'O', 'I', 'D', 'B', 'X'};
  char oem_table[8] = {'V', 'O', 'I', 'D', 'B', 'O', 'X', ' '};
  uint32_t oem_revision = 1;
  char creator[4] = {'V', 'B', 'O', 'X'};
  uint32_t creator_revision = 1;
};
static_assert(sizeof(TableHeader) == 36);

struct [[gnu::packed]] GenericAddress {  // §5.2.3.2
  uint8_t space = 0;
  uint8_t bits = 0;
  uint8_t bit_offset = 0;
  uint8_t access_size = 0;  // 1: bytes
  uint64_t address = 0;
};
static_assert(sizeof(GenericAddress) == 12);
constexpr uint8_t kSystemIo = 1;

// What §5.2.9.3 tells of a PC's old devices. Neither "legacy devices" nor "8042" is among them: a
// kernel would look for a keyboard, and the i8042 here can but reset.
constexpr uint16_t kVgaNotPresent = 1 << 2;
constexpr uint16_t kMsiNotSupported = 1 << 3;
constexpr uint16_t kCmosRtcNotPresent = 1 << 5;

// §5.2.9, the fixed feature flags
constexpr uint32_t kWbinvd = 1 << 0;
constexpr uint32_t kResetRegister = 1 << 10;
constexpr uint32_t kHardwareReduced = 1 << 20;

// Intel 8042, "pulse output port": the reset line, as reboot=k uses it.
constexpr uint8_t kResetCommand = 0xfe;
constexpr uint16_t kCommandPort = kI8042Port + 4;

struct [[gnu::packed]] Fadt {  // §5.2.9; of a hardware-reduced machine most is zero
  TableHeader header = {.signature = {'F', 'A', 'C', 'P'}, .revision = 6};
  uint32_t firmware_control = 0;
  uint32_t dsdt = 0;  // x_dsdt counts
  uint8_t fixed_hardware_1[65] = {};
  uint16_t boot_architecture = kVgaNotPresent | kMsiNotSupported | kCmosRtcNotPresent;
  uint8_t reserved = 0;
  uint32_t flags = kWbinvd | kResetRegister | kHardwareReduced;
  GenericAddress reset = {.space = kSystemIo, .bits = 8, .access_size = 1, .address = kCommandPort};
  uint8_t reset_value = kResetCommand;
  uint16_t arm_boot_architecture = 0;
  uint8_t minor_version = 5;
  uint64_t x_firmware_control = 0;
  uint64_t x_dsdt = 0;
  GenericAddress fixed_hardware_2[8] = {};
  GenericAddress sleep_control = {};
  GenericAddress sleep_status = {};
  char hypervisor[8] = {};
};
static_assert(sizeof(Fadt) == 276);
static_assert(offsetof(Fadt, boot_architecture) == 109);
static_assert(offsetof(Fadt, x_dsdt) == 140);

struct [[gnu::packed]] MadtHeader {  // §5.2.12
  TableHeader header = {.signature = {'A', 'P', 'I', 'C'}, .revision = 6};
  uint32_t local_apic = layout::kLocalApic;
  uint32_t flags = 0;  // no pair of 8259s to be silenced
};
static_assert(sizeof(MadtHeader) == 44);

struct [[gnu::packed]] MadtLocalApic {  // §5.2.12.2
  uint8_t type = 0;
  uint8_t length = 8;
  uint8_t processor_uid = 0;
  uint8_t apic_id = 0;
  uint32_t flags = 1;  // enabled
};
static_assert(sizeof(MadtLocalApic) == 8);

struct [[gnu::packed]] MadtIoApic {  // §5.2.12.3
  uint8_t type = 1;
  uint8_t length = 12;
  uint8_t id = 0;
  uint8_t reserved = 0;
  uint32_t address = layout::kIoApic;
  uint32_t first_interrupt = 0;
};
static_assert(sizeof(MadtIoApic) == 12);

struct [[gnu::packed]] MadtLocalApicNmi {  // §5.2.12.7
  uint8_t type = 4;
  uint8_t length = 6;
  uint8_t processor_uid = 0xff;  // all
  uint16_t flags = 0;            // polarity and trigger conform to the bus
  uint8_t local_pin = 1;
};
static_assert(sizeof(MadtLocalApicNmi) == 6);

template <typename T>
std::string Bytes(const T& object) {
  std::string bytes(sizeof(T), '\0');
  std::memcpy(bytes.data(), &object, sizeof(T));
  return bytes;
}

char ChecksumOf(absl::string_view bytes) {
  uint8_t sum = 0;
  for (const char c : bytes) sum += static_cast<uint8_t>(c);
  return static_cast<char>(-sum);
}

// A whole table's length and checksum are put in.
std::string Sealed(std::string table) {
  const uint32_t length = static_cast<uint32_t>(table.size());
  std::memcpy(table.data() + offsetof(TableHeader, length), &length, sizeof(length));
  table[offsetof(TableHeader, checksum)] = ChecksumOf(table);
  return table;
}

// What a kernel takes for a 16550, Linux drivers/tty/serial/8250/8250_pnp.c.
std::string SerialDevice() {
  return aml::Device(
      "COM1", aml::Name("_HID", aml::EisaId("PNP0501")) + aml::Name("_UID", aml::Integer(0)) +
                  aml::Name("_CRS", aml::ResourceTemplate(
                                        aml::IoPorts(kSerialPort, uint8_t{kSerialPortBytes}) +
                                        aml::Interrupt(kSerialIrq))));
}

// What a kernel takes for virtio-mmio, Linux drivers/virtio/virtio_mmio.c. §6.2.17: _CCA 1 means
// that the device's accesses are coherent with the processors' caches.
std::string VirtioDeviceOf(uint32_t irq) {
  const uint32_t slot = irq - layout::kFirstVirtioIrq;
  const uint64_t address = layout::kVirtioMmio + slot * kMmioRegionBytes;
  return aml::Device(
      absl::StrCat("VR", absl::Dec(slot, absl::kZeroPad2)),
      aml::Name("_HID", aml::String("LNRO0005")) + aml::Name("_UID", aml::Integer(slot)) +
          aml::Name("_CCA", aml::Integer(1)) +
          aml::Name("_CRS", aml::ResourceTemplate(aml::Memory32Fixed(static_cast<uint32_t>(address),
                                                                     uint32_t{kMmioRegionBytes}) +
                                                  aml::Interrupt(irq))));
}

std::string MakeDsdt(std::span<const uint32_t> irqs) {  // §5.2.11.1
  std::string devices;
  for (const uint32_t irq : irqs) {
    if (irq == kSerialIrq) devices += SerialDevice();
    if (irq >= layout::kFirstVirtioIrq) devices += VirtioDeviceOf(irq);
  }
  // From revision 2 on integers have 64 bits.
  return Sealed(Bytes(TableHeader{.signature = {'D', 'S', 'D', 'T'}, .revision = 2}) +
                aml::Scope("_SB_", devices));
}

// Interrupt lines are the IOAPIC's pins of the same number, which is what holds without overrides.
std::string MakeMadt(uint32_t vcpu_count) {
  std::string madt = Bytes(MadtHeader{});
  for (uint32_t i = 0; i < vcpu_count; ++i) {
    const uint8_t id = static_cast<uint8_t>(i);
    madt += Bytes(MadtLocalApic{.processor_uid = id, .apic_id = id});
  }
  madt += Bytes(MadtIoApic{.id = static_cast<uint8_t>(vcpu_count)});
  return Sealed(madt + Bytes(MadtLocalApicNmi{}));
}

std::string MakeXsdt(std::span<const uint64_t> tables) {  // §5.2.8
  std::string xsdt = Bytes(TableHeader{.signature = {'X', 'S', 'D', 'T'}, .revision = 1});
  for (const uint64_t table : tables) xsdt += Bytes(table);
  return Sealed(std::move(xsdt));
}

std::string MakeRsdp(uint64_t xsdt) {
  std::string rsdp = Bytes(Rsdp{.xsdt = xsdt});
  rsdp[offsetof(Rsdp, checksum)] = ChecksumOf(absl::string_view(rsdp).substr(0, kRsdpChecksummed));
  rsdp[offsetof(Rsdp, extended_checksum)] = ChecksumOf(rsdp);
  return rsdp;
}

}  // namespace

std::string MakeAcpiTables(uint32_t vcpu_count, std::span<const uint32_t> irqs) {
  constexpr size_t kAlignment = 16;
  std::string out(sizeof(Rsdp), '\0');
  const auto place = [&out](const std::string& table) {
    out.resize((out.size() + kAlignment - 1) / kAlignment * kAlignment);
    const uint64_t gpa = layout::kAcpiTables + out.size();
    out += table;
    return gpa;
  };
  Fadt fadt;
  fadt.x_dsdt = place(MakeDsdt(irqs));
  const uint64_t tables[] = {place(Sealed(Bytes(fadt))), place(MakeMadt(vcpu_count))};
  const std::string rsdp = MakeRsdp(place(MakeXsdt(tables)));
  std::copy(rsdp.begin(), rsdp.end(), out.begin());
  Check(out.size() <= layout::kAcpiTablesBytes, "the ACPI tables fit into their place");
  return out;
}

}  // namespace voidbox

#include "vmm/arch/x86_64/mp_table.h"

#include <cstddef>
#include <cstring>

#include "vmm/arch/x86_64/layout.h"

namespace voidbox {
namespace {

// Intel MultiProcessor Specification 1.4, chapter 4; all fields little-endian.
struct [[gnu::packed]] FloatingPointer {  // §4.1
  char signature[4] = {'_', 'M', 'P', '_'};
  uint32_t table = 0;
  uint8_t length = 1;  // in 16 bytes
  uint8_t revision = 4;
  uint8_t checksum = 0;
  uint8_t features[5] = {};
};
static_assert(sizeof(FloatingPointer) == 16);

struct [[gnu::packed]] TableHeader {  // §4.2
  char signature[4] = {'P', 'C', 'M', 'P'};
  uint16_t length = 0;
  uint8_t revision = 4;
  uint8_t checksum = 0;
  char oem[8] = {'V', 'O', 'I', 'D', 'B', 'O', 'X', ' '};
  char product[12] = {'M', 'I', 'C', 'R', 'O', 'V', 'M', ' ', ' ', ' ', ' ', ' '};
  uint32_t oem_table = 0;
  uint16_t oem_table_size = 0;
  uint16_t entries = 0;
  uint32_t local_apic = layout::kLocalApic;
  uint16_t extended_length = 0;
  uint8_t extended_checksum = 0;
  uint8_t reserved = 0;
};
static_assert(sizeof(TableHeader) == 44);

struct [[gnu::packed]] Processor {  // §4.3.1
  uint8_t type = 0;
  uint8_t apic_id = 0;
  uint8_t apic_version = 0x14;
  uint8_t flags = 0;           // bit 0 enabled, bit 1 boot processor
  uint32_t signature = 0x600;  // family 6
  uint32_t features = 0x201;   // FPU and APIC
  uint64_t reserved = 0;
};
static_assert(sizeof(Processor) == 20);

struct [[gnu::packed]] Bus {  // §4.3.2
  uint8_t type = 1;
  uint8_t id = 0;
  char name[6] = {'I', 'S', 'A', ' ', ' ', ' '};
};
static_assert(sizeof(Bus) == 8);

struct [[gnu::packed]] IoApic {  // §4.3.3
  uint8_t type = 2;
  uint8_t id = 0;
  uint8_t version = 0x11;
  uint8_t flags = 1;  // enabled
  uint32_t address = layout::kIoApic;
};
static_assert(sizeof(IoApic) == 8);

struct [[gnu::packed]] InterruptSource {  // §4.3.4 and §4.3.5
  uint8_t type = 3;                       // 3 I/O, 4 local
  uint8_t kind = 0;                       // 0 INT, 1 NMI, 3 ExtINT
  uint16_t flags = 0;                     // polarity and trigger conform to the bus
  uint8_t source_bus = 0;
  uint8_t source_irq = 0;
  uint8_t destination_apic = 0;
  uint8_t destination_pin = 0;
};
static_assert(sizeof(InterruptSource) == 8);

template <typename T>
void Append(std::string& out, const T& entry) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &entry, sizeof(T));
  out.append(bytes, sizeof(T));
}

uint8_t ChecksumOf(const std::string& bytes) {
  uint8_t sum = 0;
  for (char c : bytes) sum += static_cast<uint8_t>(c);
  return static_cast<uint8_t>(-sum);
}

}  // namespace

std::string MakeMpTable(uint32_t vcpu_count, std::span<const uint32_t> irqs) {
  const uint8_t io_apic_id = static_cast<uint8_t>(vcpu_count);
  uint16_t entries = 0;
  std::string body;
  const auto add = [&](const auto& entry) {
    Append(body, entry);
    ++entries;
  };
  for (uint32_t i = 0; i < vcpu_count; ++i) {
    add(Processor{.apic_id = static_cast<uint8_t>(i),
                  .flags = static_cast<uint8_t>(i == 0 ? 3 : 1)});
  }
  add(Bus{});
  add(IoApic{.id = io_apic_id});
  for (const uint32_t irq : irqs) {
    add(InterruptSource{.source_irq = static_cast<uint8_t>(irq),
                        .destination_apic = io_apic_id,
                        .destination_pin = static_cast<uint8_t>(irq)});
  }
  constexpr uint8_t kLocal = 4, kExtInt = 3, kNmi = 1, kAllApics = 0xff;
  add(InterruptSource{
      .type = kLocal, .kind = kExtInt, .destination_apic = 0, .destination_pin = 0});
  add(InterruptSource{
      .type = kLocal, .kind = kNmi, .destination_apic = kAllApics, .destination_pin = 1});

  TableHeader header;
  header.length = static_cast<uint16_t>(sizeof(header) + body.size());
  header.entries = entries;
  std::string table;
  Append(table, header);
  table += body;
  table[offsetof(TableHeader, checksum)] = static_cast<char>(ChecksumOf(table));

  FloatingPointer pointer;
  pointer.table = layout::kMpTable + sizeof(FloatingPointer);
  std::string out;
  Append(out, pointer);
  out[offsetof(FloatingPointer, checksum)] = static_cast<char>(ChecksumOf(out));
  return out + table;
}

}  // namespace voidbox

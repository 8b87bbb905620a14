#include "vmm/arch/x86_64/acpi.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "vmm/arch/x86_64/layout.h"

namespace voidbox {
namespace {

constexpr size_t kHeaderBytes = 36;

uint8_t Sum(absl::string_view bytes) {
  uint8_t sum = 0;
  for (const char c : bytes) sum += static_cast<uint8_t>(c);
  return sum;
}

template <typename T>
T At(absl::string_view bytes, size_t offset) {
  T value;
  std::memcpy(&value, bytes.substr(offset, sizeof(T)).data(), sizeof(T));
  return value;
}

// The tables as a kernel finds them: from the RSDP over the XSDT and the FADT. Every length lies
// inside, every checksum is right.
class Tables {
 public:
  Tables(uint32_t vcpu_count, const std::vector<uint32_t>& irqs)
      : all_(MakeAcpiTables(vcpu_count, irqs)) {
    const absl::string_view rsdp = absl::string_view(all_).substr(0, 36);
    EXPECT_EQ(rsdp.substr(0, 8), "RSD PTR ");
    EXPECT_EQ(Sum(rsdp.substr(0, 20)), 0);
    EXPECT_EQ(Sum(rsdp), 0);
    EXPECT_EQ(At<uint8_t>(rsdp, 15), 2) << "the revision that has an XSDT";
    EXPECT_EQ(At<uint32_t>(rsdp, 20), rsdp.size());
    Add(At<uint64_t>(rsdp, 24));
    const absl::string_view xsdt = tables_["XSDT"];
    for (size_t at = kHeaderBytes; at < xsdt.size(); at += 8) Add(At<uint64_t>(xsdt, at));
    Add(At<uint64_t>(tables_["FACP"], 140));
  }

  absl::string_view operator[](const std::string& signature) { return tables_[signature]; }
  size_t count() const { return tables_.size(); }
  size_t bytes() const { return all_.size(); }

 private:
  void Add(uint64_t gpa) {
    ASSERT_GE(gpa, layout::kAcpiTables + kHeaderBytes);
    EXPECT_EQ(gpa % 16, 0u);
    const absl::string_view rest = absl::string_view(all_).substr(gpa - layout::kAcpiTables);
    const uint32_t length = At<uint32_t>(rest, 4);
    ASSERT_LE(length, rest.size());
    const absl::string_view table = rest.substr(0, length);
    EXPECT_EQ(Sum(table), 0) << table.substr(0, 4);
    tables_[std::string(table.substr(0, 4))] = table;
  }

  const std::string all_;
  std::map<std::string, absl::string_view> tables_;
};

class AcpiTest : public ::testing::TestWithParam<uint32_t> {};

TEST_P(AcpiTest, LengthsChecksumsAndProcessorsAgree) {
  std::vector<uint32_t> irqs;
  for (uint32_t irq = 0; irq < layout::kIrqLines; ++irq) irqs.push_back(irq);
  Tables tables(GetParam(), irqs);
  EXPECT_EQ(tables.count(), 4u);
  EXPECT_LE(tables.bytes(), layout::kAcpiTablesBytes);

  const absl::string_view madt = tables["APIC"];
  EXPECT_EQ(At<uint32_t>(madt, 36), layout::kLocalApic);
  uint32_t processors = 0;
  std::vector<uint8_t> others;
  size_t at = 44;
  for (; at < madt.size(); at += At<uint8_t>(madt, at + 1)) {
    const uint8_t type = At<uint8_t>(madt, at);
    if (type != 0) {
      others.push_back(type);
      if (type == 1) {
        EXPECT_EQ(At<uint8_t>(madt, at + 2), GetParam()) << "the IOAPIC's id follows";
        EXPECT_EQ(At<uint32_t>(madt, at + 4), layout::kIoApic);
        EXPECT_EQ(At<uint32_t>(madt, at + 8), 0u) << "line n is pin n";
      }
      continue;
    }
    EXPECT_EQ(At<uint8_t>(madt, at + 3), processors++) << "APIC ids count from 0";
    EXPECT_EQ(At<uint32_t>(madt, at + 4), 1u);
  }
  EXPECT_EQ(at, madt.size());
  EXPECT_EQ(processors, GetParam());
  EXPECT_THAT(others, ::testing::ElementsAre(1, 4));
}

INSTANTIATE_TEST_SUITE_P(VcpuCounts, AcpiTest, ::testing::Values(1, 2, 3, 32));

TEST(AcpiFadtTest, IsOfAHardwareReducedMachineThatTheKeyboardControllerResets) {
  Tables tables(1, {0, 4});
  const absl::string_view fadt = tables["FACP"];
  ASSERT_EQ(fadt.size(), 276u);
  EXPECT_EQ(At<uint8_t>(fadt, 8), 6);
  EXPECT_EQ(At<uint16_t>(fadt, 109), 1 << 2 | 1 << 3 | 1 << 5);  // no VGA, MSI, RTC, 8042
  EXPECT_EQ(At<uint32_t>(fadt, 112), 1u << 20 | 1u << 10 | 1u << 0);
  EXPECT_EQ(At<uint8_t>(fadt, 116), 1) << "an I/O port";
  EXPECT_EQ(At<uint64_t>(fadt, 120), 0x64u);
  EXPECT_EQ(At<uint8_t>(fadt, 128), 0xfe);
}

TEST(AcpiDsdtTest, HasADeviceForEachSlotInUseAndTheSerialPort) {
  const std::vector<uint32_t> irqs = {0, 4, 5, 7};
  Tables tables(1, irqs);
  const std::string dsdt(tables["DSDT"]);
  EXPECT_EQ(At<uint8_t>(dsdt, 8), 2);
  using ::testing::HasSubstr;
  using ::testing::Not;
  EXPECT_THAT(dsdt, HasSubstr("COM1"));
  EXPECT_THAT(dsdt, HasSubstr("VR00"));
  EXPECT_THAT(dsdt, Not(HasSubstr("VR01")));
  // Slot 2 at 0xd0002000, line 7.
  const std::string slot = dsdt.substr(dsdt.find("VR02"));
  EXPECT_THAT(slot, HasSubstr("LNRO0005"));
  EXPECT_THAT(slot, HasSubstr(std::string("\x00\x20\x00\xd0\x00\x10\x00\x00", 8)));
  EXPECT_THAT(slot, HasSubstr(std::string("\x89\x06\x00\x03\x01\x07\x00\x00\x00", 9)));
  Tables without(1, {0});
  EXPECT_EQ(without["DSDT"].size(), kHeaderBytes + 7) << "an empty scope";
}

}  // namespace
}  // namespace voidbox

#include "vmm/arch/x86_64/mp_table.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "vmm/arch/x86_64/layout.h"

namespace voidbox {
namespace {

constexpr size_t kPointerBytes = 16;
constexpr size_t kHeaderBytes = 44;

uint8_t Sum(const std::string& bytes) {
  uint8_t sum = 0;
  for (char c : bytes) sum += static_cast<uint8_t>(c);
  return sum;
}

template <typename T>
T At(const std::string& bytes, size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

class MpTableTest : public ::testing::TestWithParam<uint32_t> {};

TEST_P(MpTableTest, ChecksumsLengthsAndEntriesAgree) {
  std::vector<uint32_t> irqs;
  for (uint32_t irq = 0; irq < layout::kIrqLines; ++irq) irqs.push_back(irq);
  const std::string all = MakeMpTable(GetParam(), irqs);
  ASSERT_LE(all.size(), layout::kMpTableBytes);
  const std::string pointer = all.substr(0, kPointerBytes), table = all.substr(kPointerBytes);
  EXPECT_EQ(pointer.substr(0, 4), "_MP_");
  EXPECT_EQ(Sum(pointer), 0);
  EXPECT_EQ(At<uint32_t>(pointer, 4), layout::kMpTable + kPointerBytes);
  EXPECT_EQ(table.substr(0, 4), "PCMP");
  EXPECT_EQ(Sum(table), 0);
  EXPECT_EQ(At<uint16_t>(table, 4), table.size());

  uint32_t entries = 0, processors = 0, boot_processors = 0, lines = 0;
  size_t at = kHeaderBytes;
  for (; at < table.size(); ++entries) {
    const uint8_t type = At<uint8_t>(table, at);
    if (type == 0) {
      EXPECT_EQ(At<uint8_t>(table, at + 1), processors) << "APIC ids count from 0";
      ++processors;
      if (At<uint8_t>(table, at + 3) & 2) ++boot_processors;
    } else if (type == 2) {
      EXPECT_EQ(At<uint8_t>(table, at + 1), GetParam())
          << "the IOAPIC's id follows the processors'";
    } else if (type == 3) {
      EXPECT_EQ(At<uint8_t>(table, at + 5), At<uint8_t>(table, at + 7)) << "line n is pin n";
      ++lines;
    }
    at += type == 0 ? 20 : 8;
  }
  EXPECT_EQ(at, table.size());
  EXPECT_EQ(entries, At<uint16_t>(table, 34));
  EXPECT_EQ(processors, GetParam());
  EXPECT_EQ(boot_processors, 1u);
  EXPECT_EQ(lines, layout::kIrqLines);
}

TEST(MpTableLinesTest, OnlyTheLinesInUseAreThere) {
  const std::vector<uint32_t> irqs = {0, 4, 7};
  const std::string table = MakeMpTable(1, irqs).substr(kPointerBytes);
  std::vector<uint32_t> lines;
  for (size_t at = kHeaderBytes; at < table.size(); at += At<uint8_t>(table, at) == 0 ? 20 : 8) {
    if (At<uint8_t>(table, at) == 3) lines.push_back(At<uint8_t>(table, at + 5));
  }
  EXPECT_EQ(lines, irqs);
}

INSTANTIATE_TEST_SUITE_P(VcpuCounts, MpTableTest, ::testing::Values(1, 2, 3, 32));

}  // namespace
}  // namespace voidbox

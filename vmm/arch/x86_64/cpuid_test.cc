#include "vmm/arch/x86_64/cpuid.h"

#include <gtest/gtest.h>

#include <map>
#include <utility>

namespace voidbox {
namespace {

kvm_cpuid_entry2 Entry(uint32_t function, uint32_t index, uint32_t eax, uint32_t ebx, uint32_t ecx,
                       uint32_t edx) {
  kvm_cpuid_entry2 entry = {};
  entry.function = function;
  entry.index = index;
  entry.eax = eax;
  entry.ebx = ebx;
  entry.ecx = ecx;
  entry.edx = edx;
  return entry;
}

class CpuidTest : public ::testing::Test {
 protected:
  void Make(uint32_t vcpu, uint32_t count, bool tsc_deadline = true) {
    entries_.clear();
    for (const kvm_cpuid_entry2& entry : MakeCpuid(kSupported, vcpu, count, tsc_deadline)) {
      const bool added = entries_.emplace(std::pair(entry.function, entry.index), entry).second;
      EXPECT_TRUE(added) << std::hex << entry.function << " stands twice";
    }
  }
  const kvm_cpuid_entry2& At(uint32_t function, uint32_t index = 0) {
    return entries_.at({function, index});
  }
  const std::vector<kvm_cpuid_entry2> kSupported = {
      Entry(0x0, 0, 0x1f, 1, 2, 3),
      Entry(0x1, 0, 0x806f8, 0xff000800, 1u << 3 | 1u << 5, 0),
      Entry(0x4, 0, 0xfc004121, 0, 0, 0),  // L1
      Entry(0x4, 1, 0xfc004163, 0, 0, 0),  // L3
      Entry(0x4, 2, 0, 0, 0, 0),
      Entry(0xa, 0, 0x07300402, 1, 2, 3),
      Entry(0xb, 0, 1, 2, 0x100, 7),
      Entry(0xb, 1, 6, 64, 0x201, 7),
      Entry(0x80000001, 0, 0, 0, 1u << 2, 0),
      Entry(0x80000008, 0, 0x3028, 0, 0xf0ff, 0),
      Entry(0x8000000a, 0, 1, 2, 3, 4),
      Entry(0x8000001e, 0, 9, 0x0109, 0x0701, 0),
  };
  std::map<std::pair<uint32_t, uint32_t>, kvm_cpuid_entry2> entries_;
};

TEST_F(CpuidTest, NumbersProcessors) {
  Make(2, 4);
  EXPECT_EQ(At(0x1).ebx >> 24, 2u);
  EXPECT_EQ(At(0x1).ebx >> 16 & 0xff, 4u);
  EXPECT_EQ(At(0x1).ebx & 0xffff, 0x0800u) << "the rest is kept";
  EXPECT_EQ(At(0xb, 0).edx, 2u);
  EXPECT_EQ(At(0x8000001e).eax, 2u);
  EXPECT_EQ(At(0x8000001e).ebx, 2u);
}

TEST_F(CpuidTest, OnePackageOfCoresWithOneThread) {
  Make(0, 4);
  EXPECT_EQ(At(0xb, 0).eax, 0u);
  EXPECT_EQ(At(0xb, 0).ebx, 1u);
  EXPECT_EQ(At(0xb, 0).ecx, 0x100u);
  EXPECT_EQ(At(0xb, 1).eax, 2u);
  EXPECT_EQ(At(0xb, 1).ebx, 4u);
  EXPECT_EQ(At(0xb, 1).ecx, 0x201u);
  EXPECT_EQ(At(0xb, 2).ebx, 0u);
  EXPECT_EQ(At(0x4, 0).eax >> 26, 3u);
  EXPECT_EQ(At(0x4, 0).eax >> 14 & 0xfff, 0u) << "L1 is a core's own";
  EXPECT_EQ(At(0x4, 1).eax >> 14 & 0xfff, 3u) << "L3 is shared";
  EXPECT_EQ(At(0x4, 2).eax, 0u);
  EXPECT_EQ(At(0x80000008).ecx & 0xff, 3u);
  EXPECT_EQ(At(0x80000008).ecx >> 12, 2u);
  EXPECT_TRUE(At(0x1).edx & 1u << 28);
}

TEST_F(CpuidTest, OddCountsRoundTheirIdsUp) {
  Make(4, 5);
  EXPECT_EQ(At(0xb, 1).eax, 3u);
  EXPECT_EQ(At(0xb, 1).ebx, 5u);
}

TEST_F(CpuidTest, OneProcessorHasNoSiblings) {
  Make(0, 1);
  EXPECT_FALSE(At(0x1).edx & 1u << 28);
  EXPECT_EQ(At(0xb, 1).eax, 0u);
  EXPECT_EQ(At(0x80000008).ecx, 0u);
}

TEST(SupportedXcr0Test, IsTheFirstSubleafsMask) {
  EXPECT_EQ(SupportedXcr0({}), 0u);
  const std::vector<kvm_cpuid_entry2> entries = {Entry(0xd, 1, 0xf, 0, 0, 0),
                                                 Entry(0xd, 0, 0x7, 0x340, 0x340, 0x2)};
  EXPECT_EQ(SupportedXcr0(entries), 0x200000007u);
}

TEST_F(CpuidTest, HidesWhatASandboxDoesNotGet) {
  Make(0, 1);
  EXPECT_FALSE(At(0x1).ecx & 1u << 3) << "MONITOR";
  EXPECT_FALSE(At(0x1).ecx & 1u << 5) << "VMX";
  EXPECT_FALSE(At(0x80000001).ecx & 1u << 2) << "SVM";
  EXPECT_EQ(At(0x8000000a).eax, 0u);
  EXPECT_EQ(At(0xa).eax, 0u);
}

TEST_F(CpuidTest, SaysThatItIsAGuestWithX2ApicAndDeadlineTimer) {
  Make(0, 1);
  EXPECT_TRUE(At(0x1).ecx & 1u << 31);
  EXPECT_TRUE(At(0x1).ecx & 1u << 21);
  EXPECT_TRUE(At(0x1).ecx & 1u << 24);
}

TEST_F(CpuidTest, TheDeadlineTimerIsThereWhereKvmHasOne) {
  Make(0, 1, /*tsc_deadline=*/false);
  EXPECT_FALSE(At(0x1).ecx & 1u << 24);
}

}  // namespace
}  // namespace voidbox

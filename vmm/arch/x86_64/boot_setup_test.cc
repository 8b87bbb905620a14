#include "vmm/arch/x86_64/boot_setup.h"

#include <asm/bootparam.h>
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "base/status_matchers.h"
#include "vmm/arch/x86_64/layout.h"

namespace voidbox {
namespace {

// A field of boot_params, which is packed: GoogleTest binds a reference to what it compares.
template <typename T>
T Value(T field) {
  return field;
}

class BootSetupTest : public ::testing::Test {
 protected:
  template <typename T>
  T At(uint64_t gpa) {
    return memory_.ReadObject<T>(GuestAddress{gpa}).value();
  }
  std::string Text(uint64_t gpa, size_t length) {
    std::string bytes(length, '?');
    EXPECT_THAT(memory_.Read(GuestAddress{gpa}, std::as_writable_bytes(std::span(bytes))), IsOk());
    return bytes;
  }
  const std::vector<uint32_t> kIrqs = {0, 4};
  std::vector<std::byte> low_ = std::vector<std::byte>(4 << 20);
  std::vector<std::byte> high_ = std::vector<std::byte>(1 << 20);
  GuestMemory memory_ =
      GuestMemory::Create({{GuestAddress{0}, low_}, {GuestAddress{uint64_t{4} << 30}, high_}})
          .value();
};

TEST_F(BootSetupTest, ZeroPageOfLinux64) {
  KernelImage kernel;
  ASSERT_THAT(WriteBootData(kernel, {.gpa = 0x300000, .bytes = 77}, "quiet", 2, kIrqs, memory_),
              IsOk());
  EXPECT_EQ(Text(layout::kCommandLine, 6), std::string("quiet\0", 6));
  const auto params = At<boot_params>(layout::kZeroPage);
  EXPECT_EQ(Value(params.hdr.boot_flag), 0xaa55);
  EXPECT_EQ(Value(params.hdr.header), 0x53726448u);
  EXPECT_EQ(Value(params.hdr.type_of_loader), 0xff);
  EXPECT_EQ(Value(params.hdr.cmd_line_ptr), layout::kCommandLine);
  EXPECT_EQ(Value(params.hdr.ramdisk_image), 0x300000u);
  EXPECT_EQ(Value(params.hdr.ramdisk_size), 77u);
  ASSERT_EQ(Value(params.e820_entries), 4);
  EXPECT_EQ(Value(params.e820_table[0].size), layout::kBaseMemoryEnd);
  EXPECT_EQ(Value(params.e820_table[1].type), 2u);
  EXPECT_EQ(Value(params.e820_table[2].addr), 0x100000u);
  EXPECT_EQ(Value(params.e820_table[2].addr + params.e820_table[2].size), low_.size());
  EXPECT_EQ(Value(params.e820_table[3].addr), uint64_t{4} << 30);
  EXPECT_EQ(Value(params.e820_table[3].size), high_.size());
  EXPECT_EQ(Text(layout::kMpTable, 4), "_MP_");
  EXPECT_EQ(Value(params.acpi_rsdp_addr), layout::kAcpiTables);
  EXPECT_EQ(Text(layout::kAcpiTables, 8), "RSD PTR ");
}

TEST_F(BootSetupTest, PageTablesMapTheFirstGigabyteToItself) {
  ASSERT_THAT(WriteBootData(KernelImage(), {}, "", 1, kIrqs, memory_), IsOk());
  const uint64_t pdpt = At<uint64_t>(layout::kPageTables) & ~uint64_t{0xfff};
  const uint64_t pd = At<uint64_t>(pdpt) & ~uint64_t{0xfff};
  for (uint64_t i : {0, 1, 511}) {
    EXPECT_EQ(At<uint64_t>(pd + i * 8), i << 21 | 0x83) << i;
  }
}

TEST_F(BootSetupTest, PageTablesMapWhatTheKernelNeeds) {
  KernelImage kernel;
  kernel.end = (uint64_t{2} << 30) + 1;
  ASSERT_THAT(WriteBootData(kernel, {}, "", 1, kIrqs, memory_), IsOk());
  const uint64_t pdpt = At<uint64_t>(layout::kPageTables) & ~uint64_t{0xfff};
  for (uint64_t gibibyte : {0, 1, 2}) {
    const uint64_t pd = At<uint64_t>(pdpt + gibibyte * 8) & ~uint64_t{0xfff};
    for (uint64_t i : {0, 511}) {
      EXPECT_EQ(At<uint64_t>(pd + i * 8), gibibyte << 30 | i << 21 | 0x83) << gibibyte << " " << i;
    }
  }
  EXPECT_EQ(At<uint64_t>(pdpt + 3 * 8), 0u);
  // As large as one may be, its tables still lie below what comes after them.
  kernel.end = uint64_t{4} << 30;
  ASSERT_THAT(WriteBootData(kernel, {}, "quiet", 1, kIrqs, memory_), IsOk());
  EXPECT_EQ(Text(layout::kCommandLine, 6), std::string("quiet\0", 6));
  kernel.end += 1;
  EXPECT_THAT(WriteBootData(kernel, {}, "", 1, kIrqs, memory_),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       ::testing::HasSubstr("needs memory up to 0x100000001")));
}

TEST_F(BootSetupTest, BzImageKeepsItsSetupHeader) {
  KernelImage kernel;
  setup_header header = {};
  header.kernel_alignment = 0x200000;
  header.init_size = 0x1234;
  kernel.setup_header.assign(reinterpret_cast<const char*>(&header), sizeof(header));
  ASSERT_THAT(WriteBootData(kernel, {}, "", 1, kIrqs, memory_), IsOk());
  const auto params = At<boot_params>(layout::kZeroPage);
  EXPECT_EQ(Value(params.hdr.init_size), 0x1234u);
  EXPECT_EQ(Value(params.hdr.kernel_alignment), 0x200000u);
  EXPECT_EQ(Value(params.hdr.ramdisk_size), 0u);
}

TEST_F(BootSetupTest, StartInfoOfPvh) {
  KernelImage kernel;
  kernel.protocol = BootProtocol::kPvh;
  ASSERT_THAT(WriteBootData(kernel, {.gpa = 0x300000, .bytes = 77}, "quiet", 1, kIrqs, memory_),
              IsOk());
  const uint64_t info = layout::kPvhStartInfo;
  EXPECT_EQ(At<uint32_t>(info), 0x336ec578u);
  EXPECT_EQ(At<uint32_t>(info + 4), 1u);
  EXPECT_EQ(At<uint32_t>(info + 12), 1u);
  const uint64_t module = At<uint64_t>(info + 16);
  EXPECT_EQ(At<uint64_t>(module), 0x300000u);
  EXPECT_EQ(At<uint64_t>(module + 8), 77u);
  EXPECT_EQ(At<uint64_t>(info + 24), layout::kCommandLine);
  EXPECT_EQ(At<uint64_t>(info + 32), layout::kAcpiTables);
  const uint64_t map = At<uint64_t>(info + 40);
  ASSERT_EQ(At<uint32_t>(info + 48), 4u);
  EXPECT_EQ(At<uint64_t>(map + 3 * 24), uint64_t{4} << 30);
  EXPECT_EQ(At<uint32_t>(map + 24 + 16), 2u);
}

TEST_F(BootSetupTest, PvhWithoutInitramfsHasNoModule) {
  KernelImage kernel;
  kernel.protocol = BootProtocol::kPvh;
  ASSERT_THAT(WriteBootData(kernel, {}, "", 1, kIrqs, memory_), IsOk());
  EXPECT_EQ(At<uint32_t>(layout::kPvhStartInfo + 12), 0u);
}

}  // namespace
}  // namespace voidbox

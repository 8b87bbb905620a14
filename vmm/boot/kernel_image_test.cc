#include "vmm/boot/kernel_image.h"

#include <gtest/gtest.h>

#include "base/status_matchers.h"
#include "vmm/boot/testing_images.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<KernelImage> Parse(const std::string& file) {
  return ParseKernelImage(AsBytes(file));
}

void ExpectRefused(const std::string& file, absl::StatusCode code, const std::string& message) {
  EXPECT_THAT(Parse(file), StatusIs(code, HasSubstr(message)));
}

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kUnimplemented = absl::StatusCode::kUnimplemented;

TEST(ElfKernelTest, SegmentsAndEntry) {
  const auto image = Parse(FakeElf().Bytes());
  ASSERT_THAT(image, IsOk());
  ASSERT_EQ(image->segments.size(), 1u);
  EXPECT_EQ(image->segments[0].gpa, 0x1000000u);
  EXPECT_EQ(image->segments[0].file_offset, FakeElf::kContents);
  EXPECT_EQ(image->segments[0].file_bytes, 0x1234u);
  EXPECT_EQ(image->segments[0].memory_bytes, 0x3000u);
  EXPECT_EQ(image->end, 0x1003000u);
  EXPECT_EQ(image->protocol, BootProtocol::kLinux64);
  EXPECT_EQ(image->entry, 0x1000000u);
}

TEST(ElfKernelTest, APvhNoteChoosesTheProtocol) {
  for (const std::string& descriptor :
       {Serialize(uint32_t{0x1000010}), Serialize(uint64_t{0x1000010})}) {
    FakeElf elf;
    elf.AddNote("GNU\0", 3, "id");
    elf.AddNote(std::string("Xen\0", 4), 6, std::string("linux\0", 6));
    elf.AddNote(std::string("Xen\0", 4), 18, descriptor);
    const auto image = Parse(elf.Bytes());
    ASSERT_THAT(image, IsOk());
    EXPECT_EQ(image->protocol, BootProtocol::kPvh);
    EXPECT_EQ(image->entry, 0x1000010u);
  }
}

TEST(ElfKernelTest, LinuxIsEnteredIn64BitModeThoughItHasAPvhNote) {
  FakeElf elf;
  elf.AddNote(std::string("Xen\0", 4), 18, Serialize(uint64_t{0x1000010}));
  elf.AddNote(std::string("Linux\0", 6), 0x100, "salt");
  const auto image = Parse(elf.Bytes());
  ASSERT_THAT(image, IsOk());
  EXPECT_EQ(image->protocol, BootProtocol::kLinux64);
  EXPECT_EQ(image->entry, 0x1000000u);
}

TEST(ElfKernelTest, ANoteWhoseSizesWrapIsNoEntry) {
  FakeElf elf;
  elf.AddNote(std::string("Xen\0", 4), 18, Serialize(uint32_t{0x1000010}));
  std::string file = elf.Bytes();
  const uint32_t huge = 0xffffffff;
  std::memcpy(file.data() + FakeElf::kContents + 0x1234, &huge, sizeof(huge));
  const auto image = Parse(file);
  ASSERT_THAT(image, IsOk());
  EXPECT_EQ(image->protocol, BootProtocol::kLinux64);
}

TEST(ElfKernelTest, RefusesOtherArchitecturesAndClasses) {
  FakeElf arm;
  arm.header.e_machine = EM_AARCH64;
  ExpectRefused(arm.Bytes(), kUnimplemented, "another architecture");
  FakeElf narrow;
  narrow.header.e_ident[EI_CLASS] = ELFCLASS32;
  ExpectRefused(narrow.Bytes(), kUnimplemented, "64-bit");
}

TEST(ElfKernelTest, RefusesEveryTruncation) {
  const std::string file = FakeElf().Bytes();
  for (size_t length = 0; length < file.size(); length += length < 0x200 ? 1 : 0x101) {
    EXPECT_EQ(Parse(file.substr(0, length)).status().code(), kInvalid) << length;
  }
}

TEST(ElfKernelTest, RefusesImpossibleHeaders) {
  FakeElf none;
  none.programs.clear();
  none.header.e_phnum = 0;
  ExpectRefused(none.Bytes(), kInvalid, "0 ELF program headers");
  FakeElf many;
  many.header.e_phnum = 65535;
  ExpectRefused(many.Bytes(), kInvalid, "65535 ELF program headers");
  FakeElf size;
  size.header.e_phentsize = 1;
  ExpectRefused(size.Bytes(), kInvalid, "entries of 1 bytes");
  FakeElf offset;
  offset.header.e_phoff = ~uint64_t{0} - 8;
  ExpectRefused(offset.Bytes(), kInvalid, "lie behind");
  FakeElf relocatable;
  relocatable.header.e_type = ET_REL;
  ExpectRefused(relocatable.Bytes(), kInvalid, "not executable");
}

TEST(ElfKernelTest, RefusesImpossibleSegments) {
  FakeElf wraps;
  wraps.programs[0].p_offset = ~uint64_t{0} - 1;
  ExpectRefused(wraps.Bytes(), kInvalid, "truncated");
  FakeElf large;
  large.programs[0].p_memsz = ~uint64_t{0};
  ExpectRefused(large.Bytes(), kInvalid, "impossible");
  FakeElf shrinks;
  shrinks.programs[0].p_memsz = 1;
  ExpectRefused(shrinks.Bytes(), kInvalid, "impossible");
  FakeElf high;
  high.programs[0].p_paddr = ~uint64_t{0} - 0xfff;
  ExpectRefused(high.Bytes(), kInvalid, "impossible");
  FakeElf entry;
  entry.header.e_entry = 0;
  ExpectRefused(entry.Bytes(), kInvalid, "entry point 0x0 is in no loadable segment");
  FakeElf outside;
  outside.AddNote(std::string("Xen\0", 4), 18, Serialize(uint32_t{0xfffffff0}));
  ExpectRefused(outside.Bytes(), kInvalid, "entry point 0xfffffff0");
}

TEST(BzImageTest, LoadsTheProtectedModeKernelAtItsPreferredAddress) {
  const auto image = Parse(FakeBzImage().Bytes());
  ASSERT_THAT(image, IsOk());
  ASSERT_EQ(image->segments.size(), 1u);
  EXPECT_EQ(image->segments[0].gpa, 0x1000000u);
  EXPECT_EQ(image->segments[0].file_offset, 3u * 512);
  EXPECT_EQ(image->segments[0].file_bytes, 0x2000u);
  EXPECT_EQ(image->segments[0].memory_bytes, 0x8000u);
  EXPECT_EQ(image->entry, 0x1000200u);
  EXPECT_EQ(image->setup_header.size(), 0x202u + 0x6a - 0x1f1);
}

TEST(BzImageTest, RefusesWhatItCannotStart) {
  FakeBzImage old;
  old.header.version = 0x0206;
  ExpectRefused(old.Bytes(), kUnimplemented, "0x206");
  FakeBzImage narrow;
  narrow.header.xloadflags = 0;
  ExpectRefused(narrow.Bytes(), kUnimplemented, "64-bit entry");
  FakeBzImage low;
  low.header.loadflags = 0;
  ExpectRefused(low.Bytes(), kUnimplemented, "zImage");
  FakeBzImage flag;
  flag.header.boot_flag = 0;
  ExpectRefused(flag.Bytes(), kInvalid, "boot flag");
  FakeBzImage high;
  high.header.pref_address = uint64_t{1} << 40;
  ExpectRefused(high.Bytes(), kInvalid, "above 4 GiB");
  FakeBzImage empty;
  empty.header.syssize = 1;
  ExpectRefused(empty.Bytes(), kInvalid, "without a kernel");
  FakeBzImage large;
  large.header.syssize = 0xffffffff;
  ExpectRefused(large.Bytes(), kInvalid, "truncated");
}

TEST(BzImageTest, TellsItsRelease) {
  const auto release = [](const std::string& version) {
    FakeBzImage file;
    file.version = version;
    const auto image = Parse(file.Bytes());
    EXPECT_THAT(image, IsOk());
    return image->release;
  };
  EXPECT_EQ(release(std::string("6.1.0-56-amd64 (debian-kernel@lists.debian.org) #1\0", 51)),
            "6.1.0-56-amd64");
  EXPECT_EQ(release(std::string("6.6\0", 4)), "6.6");
  EXPECT_EQ(release(""), "");
  EXPECT_EQ(release("6\n1 "), "") << "no word";
  EXPECT_EQ(release(std::string(64, 'a') + " "), std::string(64, 'a'));
  EXPECT_EQ(release(std::string(65, 'a') + " "), "") << "longer than any";
  EXPECT_EQ(release(std::string(0x300, 'a')), "") << "without an end in the setup code";
  FakeBzImage behind;
  behind.header.kernel_version = 0xffff;
  ASSERT_THAT(Parse(behind.Bytes()), IsOk());
  EXPECT_EQ(Parse(behind.Bytes())->release, "");
}

TEST(BzImageTest, RefusesEveryTruncation) {
  const std::string file = FakeBzImage().Bytes();
  for (size_t length = 0; length < file.size(); length += 37) {
    EXPECT_EQ(Parse(file.substr(0, length)).status().code(), kInvalid) << length;
  }
}

// memtest86+ 6.10's x64.bin ends so: its size is no multiple of a paragraph.
TEST(BzImageTest, TheLastParagraphNeedNotBeWhole) {
  const FakeBzImage whole;
  for (size_t missing = 1; missing < 16; ++missing) {
    const auto image = Parse(whole.Bytes().substr(0, whole.Bytes().size() - missing));
    ASSERT_THAT(image, IsOk()) << missing;
    EXPECT_EQ(image->segments[0].file_bytes, whole.kernel.size() - missing);
    EXPECT_EQ(image->end, Parse(whole.Bytes())->end);
  }
  ExpectRefused(whole.Bytes().substr(0, whole.Bytes().size() - 16), kInvalid,
                "needs 9728 bytes, the file has 9712");
}

TEST(KernelImageTest, NamesWhatItIsNot) {
  ExpectRefused("", kInvalid, "neither");
  ExpectRefused(std::string(4096, 'x'), kInvalid,
                "neither an ELF vmlinux nor a bzImage (4096 bytes");
  ExpectRefused(std::string("\x1f\x8b", 2) + std::string(100, 'x'), kInvalid, "decompress");
}

}  // namespace
}  // namespace voidbox

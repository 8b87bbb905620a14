#include "vmm/boot/loader.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "base/io.h"
#include "base/status_matchers.h"
#include "vmm/boot/testing_images.h"
#include "vmm/guest_ram.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t kMemory = 64 << 20;

class LoaderTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& contents) {
    const std::string path = absl::StrCat(::testing::TempDir(), "/", name);
    EXPECT_THAT(WriteFileAtomically(path, contents), IsOk());
    return path;
  }
  std::string Guest(const GuestRam& ram, uint64_t gpa, size_t length) {
    std::string bytes(length, '?');
    EXPECT_THAT(ram.memory().Read(GuestAddress{gpa}, std::as_writable_bytes(std::span(bytes))),
                IsOk());
    return bytes;
  }
};

TEST_F(LoaderTest, ReadsSegmentsAndLeavesTheirTailsZero) {
  FakeElf elf;
  // Behind the segment's bytes the file goes on: none of that may be seen.
  elf.contents += std::string(0x3000, '!');
  const std::string initramfs = "\x1f\x8b" + std::string(4998, 'i');
  auto files =
      BootFiles::Open(Write("vmlinux", elf.Bytes()), Write("initramfs", initramfs), kMemory);
  ASSERT_THAT(files, IsOk());
  auto ram = GuestRam::Create(kMemory);
  ASSERT_THAT(ram, IsOk());
  ASSERT_THAT(files->Load((*ram)->memory()), IsOk());
  EXPECT_EQ(Guest(**ram, 0x1000000, 0x3000),
            std::string(0x1234, 'k') + std::string(0x3000 - 0x1234, '\0'));
  EXPECT_EQ(files->initramfs().gpa, 0x100000u) << "below the kernel";
  EXPECT_EQ(files->initramfs().bytes, 5000u);
  EXPECT_EQ(Guest(**ram, 0x100000, 8192), initramfs + std::string(8192 - 5000, '\0'));
}

TEST_F(LoaderTest, PlacesAnInitramfsBehindAKernelThatLeavesNoRoomBelow) {
  FakeElf elf;
  elf.programs[0].p_paddr = 0x101000;
  elf.header.e_entry = 0x101000;
  const std::string kernel = Write("vmlinux", elf.Bytes());
  const std::string page = "\x1f\x8b" + std::string(4094, 'i');
  auto fits = BootFiles::Open(kernel, Write("initramfs", page), kMemory);
  ASSERT_THAT(fits, IsOk());
  EXPECT_EQ(fits->initramfs().gpa, 0x100000u);
  auto larger = BootFiles::Open(kernel, Write("initramfs", page + 'i'), kMemory);
  ASSERT_THAT(larger, IsOk());
  EXPECT_EQ(larger->initramfs().gpa, 0x104000u);
}

TEST_F(LoaderTest, GuestWritesDoNotReachTheFile) {
  const std::string path = Write("vmlinux", FakeElf().Bytes());
  auto files = BootFiles::Open(path, "", kMemory);
  ASSERT_THAT(files, IsOk());
  auto ram = GuestRam::Create(kMemory);
  ASSERT_THAT(ram, IsOk());
  ASSERT_THAT(files->Load((*ram)->memory()), IsOk());
  ASSERT_THAT((*ram)->memory().WriteObject(GuestAddress{0x1000000}, 'X'), IsOk());
  EXPECT_EQ(ReadFile(path).value(), FakeElf().Bytes());
}

TEST_F(LoaderTest, ReadsSegmentsThatDoNotLieOnPages) {
  FakeElf elf;
  elf.programs[0].p_offset = FakeElf::kContents + 4;
  elf.programs[0].p_filesz -= 4;
  auto files = BootFiles::Open(Write("vmlinux", elf.Bytes()), "", kMemory);
  ASSERT_THAT(files, IsOk());
  auto ram = GuestRam::Create(kMemory);
  ASSERT_THAT(files->Load((*ram)->memory()), IsOk());
  EXPECT_EQ(Guest(**ram, 0x1000000, 0x1231), std::string(0x1230, 'k') + std::string(1, '\0'));
}

TEST_F(LoaderTest, SaysWithNumbersWhatDoesNotFit) {
  const std::string kernel = Write("vmlinux", FakeElf().Bytes());
  EXPECT_THAT(
      BootFiles::Open(kernel, "", 16 << 20),
      StatusIs(absl::StatusCode::kInvalidArgument, absl::StrCat("kernel ", kernel,
                                                                ": needs memory up to 0x1003000 "
                                                                "(17 MiB), the guest has 16 MiB")));
  const std::string initramfs = Write("initramfs", "\x1f\x8b" + std::string((2 << 20) - 2, 'i'));
  EXPECT_THAT(
      BootFiles::Open(kernel, initramfs, 18 << 20),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr("2097152 bytes do not fit: the guest's 18 MiB leave 2084864 bytes")));
  EXPECT_THAT(BootFiles::Open(kernel, initramfs, 20 << 20), IsOk());
}

TEST_F(LoaderTest, RefusesSegmentsOverBootData) {
  FakeElf elf;
  elf.programs[0].p_paddr = 0x7000;
  elf.header.e_entry = 0x7000;
  EXPECT_THAT(BootFiles::Open(Write("vmlinux", elf.Bytes()), "", kMemory),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("where boot data lies")));
}

TEST_F(LoaderTest, NamesFilesThatAreNone) {
  EXPECT_THAT(BootFiles::Open("/nonexistent/vmlinux", "", kMemory),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("kernel /nonexistent/vmlinux")));
  EXPECT_THAT(BootFiles::Open("/dev/null", "", kMemory),
              StatusIs(absl::StatusCode::kInvalidArgument, "kernel /dev/null: not a regular file"));
  EXPECT_THAT(BootFiles::Open(::testing::TempDir(), "", kMemory),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not a regular file")));
  const std::string kernel = Write("vmlinux", FakeElf().Bytes());
  EXPECT_THAT(BootFiles::Open(kernel, Write("empty", ""), kMemory),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("empty: empty")));
  EXPECT_THAT(BootFiles::Open(kernel, Write("text", "not an archive"), kMemory),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("text: 'not an' at byte 0 begins neither a cpio archive")));
}

}  // namespace
}  // namespace voidbox

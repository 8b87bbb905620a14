#include "image/initramfs_init.h"

#include <span>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "image/compress.h"
#include "image/cpio_writer.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t kLimit = 64 << 20;
constexpr Compression kPackings[] = {Compression::kGzip, Compression::kZstd, Compression::kLz4};

std::string Pack(const std::string& archive, Compression packing) {
  return *Compress(archive, packing);
}

absl::Status Check(const std::string& file, uint64_t max_bytes) {
  return CheckInitramfsInit(std::as_bytes(std::span(file)), max_bytes);
}

// An archive with a large file and one of this name.
std::string Archive(const std::string& name) {
  CpioWriter writer;
  std::string large;
  for (int i = 0; i < 20'000; ++i) absl::StrAppend(&large, i * 7919 % 10'007, " ");
  EXPECT_THAT(writer.AddDirectory("sbin", {}), IsOk());
  EXPECT_THAT(writer.AddFile("large", {.permissions = 0644}, large), IsOk());
  EXPECT_THAT(writer.AddFile(name, {.permissions = 0755}, "agent"), IsOk());
  return writer.Finish().value();
}

void ExpectNoInit(const std::string& file) {
  EXPECT_THAT(Check(file, kLimit),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no /init")));
}

TEST(InitramfsInitTest, IsFoundInAnyOfTheArchives) {
  const std::string other = Archive("other"), init = Archive("init");
  EXPECT_THAT(Check(init, kLimit), IsOk());
  EXPECT_THAT(Check(other + init, kLimit), IsOk());
  ExpectNoInit(other);
  ExpectNoInit(Archive("sbin/init"));
  ExpectNoInit(Archive("init2"));
  for (const Compression packing : kPackings) {
    SCOPED_TRACE(static_cast<int>(packing));
    const std::string packed = Pack(init, packing);
    EXPECT_THAT(Check(packed, kLimit), IsOk());
    EXPECT_THAT(Check(other + packed, kLimit), IsOk());
    EXPECT_THAT(Check(packed + std::string(512, '\0'), kLimit), IsOk());
    ExpectNoInit(Pack(other, packing));
    ExpectNoInit(Pack(other, packing) + std::string(512, '\0') + other);
    // As the modules stand behind an initramfs; and in two packed ones.
    std::string before = Pack(other, packing);
    before.resize((before.size() + 3) / 4 * 4 + 4);
    EXPECT_THAT(Check(before + init, kLimit), IsOk());
    EXPECT_THAT(Check(before + Pack(init, Compression::kZstd), kLimit), IsOk());
  }
}

TEST(InitramfsInitTest, WhatIsCutShortIsRefused) {
  for (const Compression packing : kPackings) {
    const std::string packed = Pack(Archive("init"), packing);
    const absl::Status status = Check(packed.substr(0, packed.size() / 2), kLimit);
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("cut short"));
  }
  // Within the packed archive.
  const std::string archive = Archive("init");
  EXPECT_THAT(Check(Pack(archive.substr(0, archive.size() / 2), Compression::kGzip), kLimit),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("truncated")));
}

TEST(InitramfsInitTest, WhatCannotBeUnpackedHereIsTaken) {
  EXPECT_THAT(Check(std::string("\xfd") + "7zXZ", kLimit), IsOk());
  EXPECT_THAT(Check(std::string("\x5d\x00\x00", 3) + "lzma", kLimit), IsOk());
}

TEST(InitramfsInitTest, AllArchivesTogetherAreBounded) {
  const std::string packed = Pack(Archive("other"), Compression::kGzip);
  EXPECT_THAT(Check(packed, 50'000),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("50000 bytes")));
  std::string all;
  for (int i = 0; i < 20; ++i) {
    all += packed;
    all.resize((all.size() + 3) / 4 * 4 + 4);
  }
  EXPECT_THAT(Check(all, 1'000'000),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("more than the limit")));
}

}  // namespace
}  // namespace voidbox

// An overlay that an earlier version wrote is read as it was meant.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "base/io.h"
#include "base/status_matchers.h"
#include "virtio/block/cow_disk.h"

namespace voidbox {
namespace {

constexpr char kGolden[] = "virtio/block/overlay_v1.golden";
constexpr timespec kModified = {.tv_sec = 1'000'000'000, .tv_nsec = 0};

std::string GoldenBytes() {
  const auto text = ReadFile(kGolden);
  EXPECT_THAT(text, IsOk());
  std::string bytes;
  for (const absl::string_view line : absl::StrSplit(*text, '\n', absl::SkipEmpty())) {
    if (line[0] == '#') continue;
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    size_t offset = 0, count = 0;
    EXPECT_TRUE(absl::SimpleAtoi(words.at(0), &offset) && absl::SimpleAtoi(words.at(2), &count));
    EXPECT_EQ(offset, bytes.size());
    for (size_t i = 0; i < count; ++i) bytes += absl::HexStringToBytes(words[1]);
  }
  return bytes;
}

TEST(OverlayGoldenTest, Version1IsReadAsItWasWritten) {
  const std::string base = ::testing::TempDir() + "/base";
  const std::string overlay = ::testing::TempDir() + "/overlay";
  ASSERT_THAT(WriteFileAtomically(base, std::string(8192, 'b')), IsOk());
  const timespec times[] = {kModified, kModified};
  ASSERT_EQ(::utimensat(AT_FDCWD, base.c_str(), times, 0), 0);
  ASSERT_THAT(WriteFileAtomically(overlay, GoldenBytes()), IsOk());
  const auto disk = CowDisk::Open(base, overlay, 0);
  ASSERT_THAT(disk, IsOk());
  std::string bytes(12288, '.');
  iovec buffer = {bytes.data(), bytes.size()};
  ASSERT_THAT((*disk)->Read(0, {&buffer, 1}), IsOk());
  EXPECT_TRUE(bytes == std::string(4096, 'A') + std::string(4096, 'b') + std::string(4096, 'C'));
}

// What is written today is version 1 as well, byte for byte.
TEST(OverlayGoldenTest, TheSameWritesGiveTheSameBytes) {
  const std::string base = ::testing::TempDir() + "/base2";
  const std::string overlay = ::testing::TempDir() + "/overlay2";
  ASSERT_THAT(WriteFileAtomically(base, std::string(8192, 'b')), IsOk());
  const timespec times[] = {kModified, kModified};
  ASSERT_EQ(::utimensat(AT_FDCWD, base.c_str(), times, 0), 0);
  {
    const auto disk = CowDisk::Open(base, overlay, 12288);
    ASSERT_THAT(disk, IsOk());
    for (const auto& [offset, letter] : {std::pair(0, 'A'), std::pair(8192, 'C')}) {
      std::string bytes(4096, letter);
      iovec buffer = {bytes.data(), bytes.size()};
      ASSERT_THAT((*disk)->Write(static_cast<uint64_t>(offset), {&buffer, 1}), IsOk());
    }
    ASSERT_THAT((*disk)->Flush(), IsOk());
  }
  const auto written = ReadFile(overlay);
  ASSERT_THAT(written, IsOk());
  EXPECT_TRUE(*written == GoldenBytes());
}

}  // namespace
}  // namespace voidbox

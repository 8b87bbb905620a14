#include "virtio/block/overlay_header.h"

#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;

constexpr OverlayHeader kHeader = {.disk_bytes = 1 << 20,
                                   .base = {.bytes = 1 << 19, .modified_ns = -7}};

void ExpectRefused(const OverlayHeader& header, const char* message) {
  const OverlayLayout layout(header.disk_bytes);
  EXPECT_THAT(ParseOverlayHeader(FormatOverlayHeader(header), layout.file_bytes),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message)));
}

TEST(OverlayHeaderTest, ReadsWhatItWrites) {
  const OverlayLayout layout(kHeader.disk_bytes);
  const auto header = ParseOverlayHeader(FormatOverlayHeader(kHeader), layout.file_bytes);
  ASSERT_THAT(header, IsOk());
  EXPECT_EQ(header->disk_bytes, kHeader.disk_bytes);
  EXPECT_EQ(header->base, kHeader.base);
}

TEST(OverlayHeaderTest, LaysOutHeaderBitmapData) {
  const OverlayLayout small(512);
  EXPECT_EQ(small.blocks, 1);
  EXPECT_EQ(small.bitmap_offset, 4096);
  EXPECT_EQ(small.data_offset, 8192);
  EXPECT_EQ(small.file_bytes, 12288);
  const OverlayLayout large(uint64_t{4} << 30);
  EXPECT_EQ(large.data_offset, 4096 + (128 << 10));
  EXPECT_EQ(large.file_bytes, large.data_offset + (uint64_t{4} << 30));
}

TEST(OverlayHeaderTest, RefusesWhatIsNoOverlay) {
  const std::array<char, kOverlayHeaderBytes> zeroes = {};
  EXPECT_THAT(ParseOverlayHeader(zeroes, 12288),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not an overlay")));
  auto bytes = FormatOverlayHeader(kHeader);
  bytes[8] = 2;
  EXPECT_THAT(ParseOverlayHeader(bytes, 12288),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("version 2")));
  bytes = FormatOverlayHeader(kHeader);
  bytes.back() = 1;
  EXPECT_THAT(ParseOverlayHeader(bytes, 12288),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("this voidbox knows")));
}

TEST(OverlayHeaderTest, RefusesAbsurdSizes) {
  ExpectRefused({.disk_bytes = 1 << 20, .base = {.bytes = 0}}, "base's size of 0 bytes");
  ExpectRefused({.disk_bytes = 1 << 20, .base = {.bytes = 1000}}, "base's size of 1000 bytes");
  ExpectRefused({.disk_bytes = 513, .base = {.bytes = 512}}, "size of 513 bytes");
  ExpectRefused({.disk_bytes = kMaxOverlayDiskBytes + 512, .base = {.bytes = 512}}, "of at most");
  ExpectRefused({.disk_bytes = UINT64_MAX - 511, .base = {.bytes = 512}}, "of at most");
  ExpectRefused({.disk_bytes = 512, .base = {.bytes = 1024}}, "smaller than that of the base");
}

TEST(OverlayHeaderTest, SeesThatTheFileIsCutOrLonger) {
  const OverlayLayout layout(kHeader.disk_bytes);
  for (const uint64_t bytes : {kOverlayHeaderBytes + 1, layout.data_offset, layout.file_bytes - 1,
                               layout.file_bytes + 1, uint64_t{0}}) {
    EXPECT_THAT(ParseOverlayHeader(FormatOverlayHeader(kHeader), bytes),
                StatusIs(absl::StatusCode::kDataLoss,
                         HasSubstr(std::to_string(layout.file_bytes) + " for a disk")));
  }
  EXPECT_THAT(ParseOverlayHeader(FormatOverlayHeader(kHeader), kOverlayHeaderBytes), IsOk());
}

}  // namespace
}  // namespace voidbox

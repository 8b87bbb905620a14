#include "image/decompress.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

constexpr Compression kAll[] = {Compression::kGzip, Compression::kZstd, Compression::kLz4};

std::string Text(size_t bytes) {
  std::string text;
  for (size_t i = 0; text.size() < bytes; ++i) absl::StrAppend(&text, i * 7919 % 10'007, " ");
  return text.substr(0, bytes);
}

absl::StatusOr<Decompressed> Unpack(const std::string& packed, Compression compression,
                                    uint64_t max_bytes = 64 << 20) {
  return DecompressFirst(std::as_bytes(std::span(packed)), compression, max_bytes);
}

TEST(DecompressTest, GivesBackWhatWasPacked) {
  for (const Compression compression : kAll) {
    // Nothing, what fits into one piece, and more than a piece and a block of lz4.
    for (const size_t bytes : {0u, 1u, 100'000u, 256u << 10, 9u << 20}) {
      const std::string text = Text(bytes);
      const std::string packed = *Compress(text, compression);
      const auto got = Unpack(packed, compression);
      ASSERT_THAT(got, IsOk()) << bytes;
      EXPECT_TRUE(got->bytes == text) << bytes;
      EXPECT_EQ(got->used, packed.size()) << bytes;
    }
  }
}

TEST(DecompressTest, StopsWhereAnythingElseBegins) {
  const std::string text = Text(300'000);
  for (const Compression compression : kAll) {
    const std::string packed = *Compress(text, compression);
    const auto padded = Unpack(packed + std::string(512, '\0') + "other", compression);
    ASSERT_THAT(padded, IsOk());
    EXPECT_TRUE(padded->bytes == text);
    // The length of no block is lz4's end.
    EXPECT_EQ(padded->used, packed.size() + (compression == Compression::kLz4 ? 4 : 0));
  }
  // One member, and one frame; of lz4 the next one belongs to it.
  for (const Compression compression : kAll) {
    const std::string packed = *Compress(text, compression);
    const auto two = Unpack(packed + packed, compression);
    ASSERT_THAT(two, IsOk());
    EXPECT_TRUE(two->bytes == (compression == Compression::kLz4 ? text + text : text));
  }
}

TEST(DecompressTest, EveryCutIsSeen) {
  const std::string text = Text(3000);
  for (const Compression compression : kAll) {
    const std::string packed = *Compress(text, compression);
    for (size_t bytes = 0; bytes < packed.size(); ++bytes) {
      const auto got = Unpack(packed.substr(0, bytes), compression);
      // What has no block at all is a whole frame of lz4.
      if (compression == Compression::kLz4 && (bytes == 0 || bytes == 4)) continue;
      EXPECT_THAT(got, StatusIs(absl::StatusCode::kDataLoss, HasSubstr("cut short"))) << bytes;
    }
  }
}

TEST(DecompressTest, WhatIsAlteredIsRefusedOrDifferent) {
  const std::string text = Text(3000);
  for (const Compression compression : kAll) {
    const std::string packed = *Compress(text, compression);
    for (size_t at = 0; at < packed.size(); ++at) {
      std::string altered = packed;
      altered[at] = static_cast<char>(altered[at] ^ 0x40);
      const auto got = Unpack(altered, compression, 1 << 20);
      if (got.ok()) continue;  // zstd has no checksum here, and gzip's header has words for people
      EXPECT_THAT(got.status().code(),
                  AnyOf(absl::StatusCode::kDataLoss, absl::StatusCode::kResourceExhausted))
          << at;
    }
  }
}

TEST(DecompressTest, StopsABomb) {
  for (const Compression compression : kAll) {
    const std::string packed = *Compress(std::string(20 << 20, '\0'), compression);
    EXPECT_THAT(Unpack(packed, compression, 1 << 20),
                StatusIs(absl::StatusCode::kResourceExhausted,
                         "unpacks to more than the limit of 1048576 bytes"));
    EXPECT_THAT(Unpack(packed, compression, 20 << 20), IsOk());
  }
}

}  // namespace
}  // namespace voidbox

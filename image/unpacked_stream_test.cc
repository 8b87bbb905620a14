#include "image/unpacked_stream.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "image/testing/tar_builder.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<std::string> Unpack(std::string packed, const UnpackLimits& limits = {},
                                   std::function<void(uint64_t)> progress = nullptr) {
  UnpackedStream stream(StringSource(std::move(packed)), limits, std::move(progress));
  std::string data;
  for (;;) {
    const absl::StatusOr<absl::string_view> got = stream.Next();
    if (!got.ok()) return got.status();
    if (got->empty()) return data;
    absl::StrAppend(&data, *got);
  }
}

std::string Text() {
  std::string text;
  for (int i = 0; i < 20'000; ++i) absl::StrAppend(&text, i * 7919 % 10'007, " ");
  return text;
}

TEST(UnpackedStreamTest, TellsThePackingByTheFirstBytes) {
  const std::string text = Text();
  EXPECT_EQ(Unpack(text).value(), text);
  EXPECT_EQ(Unpack("").value(), "");
  for (const std::string filter : {"gzip", "zstd", "xz", "bzip2"}) {
    const std::string packed = Pack(text, filter);
    EXPECT_LT(packed.size(), text.size());
    EXPECT_EQ(Unpack(packed).value(), text) << filter;
  }
}

TEST(UnpackedStreamTest, FindsAStreamThatIsCutShortOrAltered) {
  for (const std::string filter : {"gzip", "zstd", "xz", "bzip2"}) {
    const std::string packed = Pack(Text(), filter);
    EXPECT_THAT(Unpack(packed.substr(0, packed.size() / 2)),
                StatusIs(absl::StatusCode::kDataLoss, HasSubstr("damaged or cut short at byte")))
        << filter;
    std::string altered = packed;
    altered[altered.size() / 2] ^= 1;
    const absl::StatusOr<std::string> got = Unpack(altered);
    EXPECT_TRUE(!got.ok() || *got != Text()) << filter;
  }
}

TEST(UnpackedStreamTest, StopsABomb) {
  const std::string zeroes(8 << 20, '\0');
  for (const std::string filter : {"gzip", "zstd", "xz", "bzip2"}) {
    EXPECT_THAT(Unpack(Pack(zeroes, filter), {.max_ratio = 100, .ratio_free_bytes = 1 << 20}),
                StatusIs(absl::StatusCode::kResourceExhausted,
                         HasSubstr("more than 100 for each, the limit beyond 1048576 bytes")))
        << filter;
    EXPECT_THAT(Unpack(Pack(zeroes, filter), {.max_bytes = 1 << 20}),
                StatusIs(absl::StatusCode::kResourceExhausted,
                         "unpacks to more than the limit of 1048576 bytes"))
        << filter;
    EXPECT_THAT(Unpack(Pack(zeroes, filter)), IsOk()) << filter;
  }
}

TEST(UnpackedStreamTest, ReportsProgressInPackedBytes) {
  const std::string packed = Pack(Text(), "gzip");
  std::vector<uint64_t> reports;
  ASSERT_THAT(Unpack(packed, {}, [&](uint64_t bytes) { reports.push_back(bytes); }), IsOk());
  EXPECT_TRUE(std::is_sorted(reports.begin(), reports.end()));
  EXPECT_EQ(reports.back(), packed.size());
}

TEST(UnpackedStreamTest, HandsOnTheSourcesError) {
  UnpackedStream stream(
      [](char*, size_t) -> absl::StatusOr<size_t> { return absl::UnavailableError("gone"); }, {},
      nullptr);
  EXPECT_THAT(stream.Next(), StatusIs(absl::StatusCode::kUnavailable, "gone"));
}

}  // namespace
}  // namespace voidbox

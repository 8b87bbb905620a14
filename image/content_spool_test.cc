#include "image/content_spool.h"

#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "base/io.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;

TEST(ContentSpoolTest, GivesBackWhatWasWritten) {
  ContentSpool spool = ContentSpool::Create().value();
  const FileContents one = spool.Add("hello").value();
  const FileContents two = spool.Add("").value();
  const FileContents three = spool.Add("world").value();
  EXPECT_EQ(spool.ReadAll(one, 5).value(), "hello");
  EXPECT_EQ(spool.ReadAll(two, 5).value(), "");
  EXPECT_EQ(spool.ReadAll(three, 5).value(), "world");
  EXPECT_EQ(one.data_digest, Sha256Of("hello"));
  EXPECT_THAT(spool.ReadAll(one, 4), StatusIs(absl::StatusCode::kResourceExhausted,
                                              "5 bytes are more than the limit of 4"));
}

TEST(ContentSpoolTest, PiecesInARowAreOneSegment) {
  ContentSpool spool = ContentSpool::Create().value();
  ContentSpool::Writer writer(spool);
  ASSERT_THAT(writer.Append("ab"), IsOk());
  ASSERT_THAT(writer.Append("cd"), IsOk());
  EXPECT_EQ(writer.Finish().value().segments.size(), 1u);
}

TEST(ContentSpoolTest, HolesReadAsZeroes) {
  ContentSpool spool = ContentSpool::Create().value();
  ContentSpool::Writer writer(spool);
  ASSERT_THAT(writer.WriteAt(2, "ab"), IsOk());
  ASSERT_THAT(writer.WriteAt(6, "cd"), IsOk());
  const FileContents contents = writer.Finish(10).value();
  EXPECT_EQ(contents.segments.size(), 2u);
  const std::string expected("\0\0ab\0\0cd\0\0", 10);
  EXPECT_EQ(spool.ReadAll(contents, 10).value(), expected);
  for (size_t offset = 0; offset <= 11; ++offset) {
    for (size_t size = 0; size <= 11; ++size) {
      std::string data(size, 'x');
      const size_t got = spool.Read(contents, offset, data.data(), size).value();
      EXPECT_EQ(data.substr(0, got), expected.substr(std::min<size_t>(offset, 10), size));
    }
  }
}

TEST(ContentSpoolTest, TakesAHostsFile) {
  const std::string path = absl::StrCat(::testing::TempDir(), "/host-file-", ::getpid());
  const std::string data(700'000, 'd');
  ASSERT_THAT(WriteFileAtomically(path, data), IsOk());
  ContentSpool spool = ContentSpool::Create().value();
  EXPECT_EQ(spool.ReadAll(spool.AddHostFile(path).value(), data.size()).value(), data);
  EXPECT_THAT(spool.AddHostFile(path + "x"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr(path + "x")));
  ::unlink(path.c_str());
}

TEST(ContentSpoolTest, KeepsToItsLimits) {
  ContentSpool spool =
      ContentSpool::Create({.max_bytes = 10, .max_file_bytes = 20, .max_segments = 2}).value();
  ContentSpool::Writer writer(spool);
  ASSERT_THAT(writer.WriteAt(2, "abcd"), IsOk());
  EXPECT_THAT(writer.WriteAt(3, "x"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("up to byte 6")));
  EXPECT_THAT(writer.WriteAt(6, "1234567"),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("4 + 7 bytes")));
  EXPECT_THAT(writer.WriteAt(20, "x"),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("20 bytes a file")));
  ASSERT_THAT(writer.WriteAt(8, "x"), IsOk());
  EXPECT_THAT(writer.WriteAt(10, "x"),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("more than 2 pieces")));
}

TEST(ContentSpoolTest, RefusesASizeThatIsNone) {
  ContentSpool spool = ContentSpool::Create({.max_file_bytes = 20}).value();
  ContentSpool::Writer small(spool), big(spool);
  ASSERT_THAT(small.Append("abcd"), IsOk());
  EXPECT_THAT(small.Finish(3), StatusIs(absl::StatusCode::kInvalidArgument,
                                        "file contents: 4 bytes came for a file of 3"));
  EXPECT_THAT(big.Finish(21), StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("of 21")));
}

TEST(ContentSpoolTest, NamesTheDirectoryThatItCannotUse) {
  EXPECT_THAT(ContentSpool::Create({}, "/nonexistent"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/nonexistent")));
}

}  // namespace
}  // namespace voidbox

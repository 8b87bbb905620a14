#include "sandbox/rotating_log.h"

#include <filesystem>
#include <string>

#include "base/io.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

class RotatingLogTest : public ::testing::Test {
 protected:
  RotatingLogTest() : path_(::testing::TempDir() + "/rotating_log_test") {
    for (const std::string& path : {path_, path_ + ".1"}) std::filesystem::remove(path);
  }
  std::string ReadNew(RotatingLogReader& reader) {
    std::string text;
    EXPECT_THAT(reader.Read([&](absl::string_view piece) {
      text.append(piece.data(), piece.size());
      return absl::OkStatus();
    }),
                IsOk());
    return text;
  }
  const std::string path_;
};

TEST_F(RotatingLogTest, KeepsTheLastBytesInTwoFiles) {
  auto log = RotatingLog::Create(path_, 4);
  ASSERT_THAT(log, IsOk());
  for (const char* piece : {"aa", "bb", "cc", "d", "ee"}) ASSERT_THAT(log->Append(piece), IsOk());
  EXPECT_EQ(*ReadFile(path_ + ".1"), "ccd");
  EXPECT_EQ(*ReadFile(path_), "ee");
  // One piece may be longer.
  ASSERT_THAT(log->Append("0123456789"), IsOk());
  EXPECT_EQ(*ReadFile(path_), "0123456789");
}

TEST_F(RotatingLogTest, AReaderFollowsAcrossTheTurn) {
  RotatingLogReader reader(path_);
  EXPECT_EQ(ReadNew(reader), "");
  auto log = RotatingLog::Create(path_, 4);
  ASSERT_THAT(log, IsOk());
  ASSERT_THAT(log->Append("aa"), IsOk());
  EXPECT_EQ(ReadNew(reader), "aa");
  EXPECT_EQ(ReadNew(reader), "");
  ASSERT_THAT(log->Append("bb"), IsOk());
  ASSERT_THAT(log->Append("cc"), IsOk());
  EXPECT_EQ(ReadNew(reader), "bbcc");
  ASSERT_THAT(log->Append("d"), IsOk());
  EXPECT_EQ(ReadNew(reader), "d");
}

TEST_F(RotatingLogTest, ALateReaderBeginsWithTheOlderFile) {
  auto log = RotatingLog::Create(path_, 2);
  ASSERT_THAT(log, IsOk());
  for (const char* piece : {"aa", "bb", "cc"}) ASSERT_THAT(log->Append(piece), IsOk());
  RotatingLogReader reader(path_);
  EXPECT_EQ(ReadNew(reader), "bbcc");
  EXPECT_EQ(ReadNew(reader), "");
}

TEST_F(RotatingLogTest, TheTakersErrorEndsTheReading) {
  auto log = RotatingLog::Create(path_);
  ASSERT_THAT(log, IsOk());
  ASSERT_THAT(log->Append("aa"), IsOk());
  RotatingLogReader reader(path_);
  EXPECT_THAT(reader.Read([](absl::string_view) { return absl::DataLossError("no"); }),
              StatusIs(absl::StatusCode::kDataLoss, "no"));
}

}  // namespace
}  // namespace voidbox

#include "image/tar_header.h"

#include <cstdint>
#include <limits>
#include <string>

#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "image/testing/tar_builder.h"

namespace voidbox {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

constexpr auto kDataLoss = absl::StatusCode::kDataLoss;

TEST(TarHeaderTest, ReadsOctalAndBinaryNumbers) {
  EXPECT_EQ(ParseTarNumber("0000644\0").value(), 0644);
  EXPECT_EQ(ParseTarNumber("   644 ").value(), 0644);
  EXPECT_EQ(ParseTarNumber(std::string(8, '\0')).value(), 0);
  EXPECT_EQ(ParseTarNumber(std::string("\x80\0\0\0\0\0\1\0", 8)).value(), 256);
  EXPECT_EQ(ParseTarNumber(std::string(12, '\xff')).value(), -1);
  EXPECT_EQ(ParseTarNumber(std::string("\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", 12)).value(),
            std::numeric_limits<int64_t>::max());
}

TEST(TarHeaderTest, RefusesNumbersThatAreNone) {
  const std::string too_large("\x80\0\0\0\x80\0\0\0\0\0\0\0", 12);
  for (const std::string& field : {std::string("0000648"), std::string("64x"), std::string("-1"),
                                   std::string(22, '7'), too_large}) {
    EXPECT_THAT(ParseTarNumber(field), StatusIs(kDataLoss, HasSubstr("is no number"))) << field;
  }
}

TEST(TarHeaderTest, AHeaderOfAnyFormWithAWrongChecksumIsRefused) {
  std::string block = TarBuilder().Add({.name = "a", .uid = 7}).WithoutEnd();
  const TarHeader header = ParseTarHeader(block).value();
  EXPECT_EQ(header.name, "a");
  EXPECT_EQ(header.uid, 7);
  for (const size_t at : {0, 120, 260, 511}) {
    std::string bad = block;
    bad[at] ^= 1;
    EXPECT_THAT(ParseTarHeader(bad), StatusIs(kDataLoss, HasSubstr("checksum"))) << at;
  }
}

TEST(TarHeaderTest, PaxRecordsAreBytes) {
  const std::string text =
      std::string("12 path=a\nb\n19 x=") + std::string("\0=\xff", 3) + "0123456789\n";
  EXPECT_THAT(
      ParsePaxRecords(text).value(),
      ElementsAre(Pair("path", "a\nb"), Pair("x", std::string("\0=\xff", 3) + "0123456789")));
  EXPECT_THAT(ParsePaxRecords("").value(), ElementsAre());
}

TEST(TarHeaderTest, RefusesPaxRecordsWhoseLengthsDoNotAddUp) {
  for (const std::string text :
       {"8 path=a\n", "11 path=a\n", "9 path=a", "path=a\n", "0 path=a\n", "2 \n", "5 a\n",
        "99999999999999999999 path=a\n", "-9 path=a\n", " 9 path=a\n", "7 =abc\n"}) {
    EXPECT_THAT(ParsePaxRecords(text), StatusIs(kDataLoss, HasSubstr("damaged"))) << text;
  }
}

TEST(TarHeaderTest, PaxTimesAreRoundedDown) {
  EXPECT_EQ(ParsePaxSeconds("5").value(), 5);
  EXPECT_EQ(ParsePaxSeconds("5.999").value(), 5);
  EXPECT_EQ(ParsePaxSeconds("-5").value(), -5);
  EXPECT_EQ(ParsePaxSeconds("-5.000").value(), -5);
  EXPECT_EQ(ParsePaxSeconds("-5.5").value(), -6);
  EXPECT_EQ(ParsePaxSeconds("99999999999999999999").value(), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(ParsePaxSeconds("-99999999999999999999").value(), std::numeric_limits<int64_t>::min());
  for (const std::string text : {"", "-", ".5", "5.5.5", "+5", "5e3", "--5"}) {
    EXPECT_THAT(ParsePaxSeconds(text), StatusIs(kDataLoss, HasSubstr("is no number"))) << text;
  }
}

}  // namespace
}  // namespace voidbox

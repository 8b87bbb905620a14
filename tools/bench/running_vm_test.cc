#include "tools/bench/running_vm.h"

#include "gtest/gtest.h"

namespace voidbox::bench {
namespace {

TEST(SignReaderTest, TakesTheClockInOnePiece) {
  SignReader sign;
  EXPECT_TRUE(sign.Append("I35731\r\n"));
  EXPECT_EQ(sign.clock_us(), 35731u);
}

TEST(SignReaderTest, BeginsWithTheFirstCharacter) {
  SignReader sign;
  EXPECT_FALSE(sign.Append("\r\n"));
  EXPECT_TRUE(sign.Append("I"));
  EXPECT_FALSE(sign.clock_us().has_value());
  EXPECT_TRUE(sign.Append("12"));
  EXPECT_FALSE(sign.clock_us().has_value());
  EXPECT_TRUE(sign.Append("3\n"));
  EXPECT_EQ(sign.clock_us(), 123u);
}

TEST(SignReaderTest, IsNotMisledByTheKernel) {
  SignReader sign;
  EXPECT_FALSE(sign.Append("[    0.01] Initialising\nI/O "));
  EXPECT_TRUE(sign.Append("I9\nI10\n"));
  EXPECT_EQ(sign.clock_us(), 9u);
}

TEST(SignReaderTest, AnImpossibleClockIsNoSign) {
  SignReader sign;
  EXPECT_FALSE(sign.Append("I99999999999999999999999999\n"));
  EXPECT_FALSE(sign.clock_us().has_value());
}

}  // namespace
}  // namespace voidbox::bench

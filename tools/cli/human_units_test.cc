#include "tools/cli/human_units.h"

#include "gtest/gtest.h"

namespace voidbox {
namespace {

TEST(HumanUnitsTest, Bytes) {
  EXPECT_EQ(HumanBytes(0), "0 B");
  EXPECT_EQ(HumanBytes(1023), "1023 B");
  EXPECT_EQ(HumanBytes(1024), "1.0 KiB");
  EXPECT_EQ(HumanBytes(11'843'584), "11.3 MiB");
  EXPECT_EQ(HumanBytes(412ull << 20), "412 MiB");
  EXPECT_EQ(HumanBytes((1ull << 20) - 1), "1.0 MiB");
  EXPECT_EQ(HumanBytes(UINT64_MAX), "16.0 EiB");
}

TEST(HumanUnitsTest, Durations) {
  EXPECT_EQ(HumanDuration(absl::Milliseconds(400)), "0 s");
  EXPECT_EQ(HumanDuration(absl::Milliseconds(59'400)), "59 s");
  EXPECT_EQ(HumanDuration(absl::Seconds(125)), "2 min 5 s");
  EXPECT_EQ(HumanDuration(absl::Minutes(90)), "1 h 30 min");
}

}  // namespace
}  // namespace voidbox

#include "devices/boot_mark.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace voidbox {
namespace {

TEST(BootMarkPortTest, ReportsEachValueOnceInTheOrderOfTheFirstWrites) {
  std::vector<int> marks;
  BootMarkPort port([&](uint8_t mark) { marks.push_back(mark); });
  for (int round = 0; round < 3; ++round) {
    for (const int value : {2, 1, 255}) {
      port.Write(0, std::array{static_cast<std::byte>(value)});
    }
  }
  EXPECT_THAT(marks, ::testing::ElementsAre(2, 1, 255));
}

TEST(BootMarkPortTest, ReadsAsAnEmptyBus) {
  BootMarkPort port([](uint8_t) { FAIL(); });
  std::array<std::byte, 2> bytes = {};
  port.Read(0, bytes);
  EXPECT_EQ(bytes, (std::array{std::byte{0xff}, std::byte{0xff}}));
}

}  // namespace
}  // namespace voidbox

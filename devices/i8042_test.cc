#include "devices/i8042.h"

#include <gtest/gtest.h>

#include <array>

namespace voidbox {
namespace {

TEST(I8042Test, OnlyTheResetPulseResets) {
  int resets = 0;
  I8042 i8042([&] { ++resets; });
  const auto write = [&](uint64_t offset, uint8_t value) {
    const std::array<std::byte, 1> bytes = {std::byte{value}};
    i8042.Write(offset, bytes);
  };
  write(4, 0xaa);
  write(0, 0xfe);
  EXPECT_EQ(resets, 0);
  const std::array<std::byte, 2> wide = {std::byte{0xfe}, std::byte{0xfe}};
  i8042.Write(4, wide);
  EXPECT_EQ(resets, 0);
  write(4, 0xfe);
  EXPECT_EQ(resets, 1);
}

TEST(I8042Test, StatusSaysNothingToReadAndReadyForCommands) {
  I8042 i8042([] {});
  std::array<std::byte, 1> status = {std::byte{0xff}};
  i8042.Read(4, status);
  EXPECT_EQ(status[0], std::byte{0});
}

}  // namespace
}  // namespace voidbox

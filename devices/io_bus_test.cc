#include "devices/io_bus.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "base/status_matchers.h"

namespace voidbox {
namespace {

class Recorder final : public IoHandler {
 public:
  void Read(uint64_t offset, std::span<std::byte> out) override {
    for (std::byte& b : out) b = static_cast<std::byte>(offset++);
  }
  void Write(uint64_t offset, std::span<const std::byte> in) override {
    writes.emplace_back(offset, in.size());
  }
  std::vector<std::pair<uint64_t, size_t>> writes;
};

class IoBusTest : public ::testing::Test {
 protected:
  std::vector<int> Read(uint64_t address, size_t length) {
    std::vector<std::byte> bytes(length);
    bus_.Read(address, bytes);
    std::vector<int> values;
    for (std::byte b : bytes) values.push_back(static_cast<int>(b));
    return values;
  }
  IoBus bus_;
  Recorder a_, b_;
};

TEST_F(IoBusTest, DispatchesByAddressWithOffsets) {
  ASSERT_THAT(bus_.Add("a", 0x60, 5, a_), IsOk());
  ASSERT_THAT(bus_.Add("b", 0x65, 1, b_), IsOk());
  EXPECT_EQ(Read(0x62, 2), (std::vector<int>{2, 3}));
  const std::array<std::byte, 1> byte = {};
  bus_.Write(0x65, byte);
  EXPECT_TRUE(a_.writes.empty());
  ASSERT_EQ(b_.writes.size(), 1u);
  EXPECT_EQ(b_.writes[0], (std::pair<uint64_t, size_t>(0, 1)));
}

TEST_F(IoBusTest, NobodyThereReadsOnesAndLosesWrites) {
  ASSERT_THAT(bus_.Add("a", 0x60, 4, a_), IsOk());
  EXPECT_EQ(Read(0x5f, 1), (std::vector<int>{0xff}));
  EXPECT_EQ(Read(0x64, 1), (std::vector<int>{0xff}));
  EXPECT_EQ(Read(0x62, 4), (std::vector<int>{0xff, 0xff, 0xff, 0xff})) << "straddles the end";
  const std::array<std::byte, 8> bytes = {};
  bus_.Write(~uint64_t{0} - 3, bytes);
  bus_.Write(0x60, bytes);
  EXPECT_TRUE(a_.writes.empty());
}

TEST_F(IoBusTest, RefusesOverlapsAndWrappingRanges) {
  ASSERT_THAT(bus_.Add("a", 0x100, 0x10, a_), IsOk());
  const auto overlaps = [&](uint64_t base, uint64_t size) {
    return bus_.Add("b", base, size, b_).code() == absl::StatusCode::kAlreadyExists;
  };
  EXPECT_TRUE(overlaps(0x100, 1));
  EXPECT_TRUE(overlaps(0x10f, 1));
  EXPECT_TRUE(overlaps(0xff, 2));
  EXPECT_TRUE(overlaps(0, 0x1000));
  EXPECT_THAT(bus_.Add("b", 0xff, 1, b_), IsOk());
  EXPECT_THAT(bus_.Add("b", 0x110, 1, b_), IsOk());
  EXPECT_EQ(bus_.Add("b", 0x200, 0, b_).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(bus_.Add("b", ~uint64_t{0}, 2, b_).code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace voidbox

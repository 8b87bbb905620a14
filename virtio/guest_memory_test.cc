#include "virtio/guest_memory.h"

#include <array>

#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "virtio/testing/guest_ram.h"

namespace voidbox {
namespace {

using ::testing::_;
using ::testing::HasSubstr;

std::array<std::byte, 64> bytes;

TEST(GuestMemoryCreateTest, RefusesBadRegions) {
  const std::span<std::byte> some(bytes);
  EXPECT_THAT(GuestMemory::Create({}), StatusIs(absl::StatusCode::kInvalidArgument, _));
  EXPECT_THAT(GuestMemory::Create({{{0}, some.first(0)}}),
              StatusIs(absl::StatusCode::kInvalidArgument, _));
  EXPECT_THAT(GuestMemory::Create({{{0x1000}, some}, {{0}, some}}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("0x40 bytes at 0x0")));
  EXPECT_THAT(GuestMemory::Create({{{0}, some}, {{63}, some}}),
              StatusIs(absl::StatusCode::kInvalidArgument, _));
  EXPECT_THAT(GuestMemory::Create({{{(uint64_t{1} << 52) - 63}, some}}),
              StatusIs(absl::StatusCode::kInvalidArgument, _));
  EXPECT_THAT(GuestMemory::Create({{{UINT64_MAX}, some}}),
              StatusIs(absl::StatusCode::kInvalidArgument, _));
}

TEST(GuestMemoryCreateTest, TakesAdjacentRegionsAndTheHighestAddress) {
  const std::span<std::byte> some(bytes);
  EXPECT_THAT(GuestMemory::Create({{{0}, some}, {{64}, some}, {{(uint64_t{1} << 52) - 64}, some}}),
              IsOk());
}

class GuestMemoryTest : public ::testing::Test {
 protected:
  GuestRam ram_;
  const GuestMemory& memory_ = ram_.memory();
};

TEST_F(GuestMemoryTest, SlicesInsideEachRegion) {
  const auto whole = memory_.Slice({0}, GuestRam::kLowBytes);
  ASSERT_THAT(whole, IsOk());
  const auto tail = memory_.Slice({GuestRam::kLowBytes - 1}, 1);
  ASSERT_THAT(tail, IsOk());
  EXPECT_EQ(tail->data(), whole->data() + GuestRam::kLowBytes - 1);
  EXPECT_THAT(memory_.Slice(GuestRam::kHighStart, GuestRam::kHighBytes), IsOk());
}

TEST_F(GuestMemoryTest, RefusesRangesThatLeaveARegion) {
  const auto outside = [this](uint64_t gpa, uint64_t length) {
    EXPECT_THAT(memory_.Slice({gpa}, length), StatusIs(absl::StatusCode::kOutOfRange, _))
        << gpa << " " << length;
  };
  outside(GuestRam::kLowBytes, 1);
  outside(GuestRam::kLowBytes - 1, 2);
  outside(0, GuestRam::kLowBytes + 1);
  outside(1, UINT64_MAX);
  outside(UINT64_MAX, 1);
  outside(UINT64_MAX, 2);
  outside(UINT64_MAX - 15, 32);
  outside(GuestRam::kHighStart.value - 1, 2);
  outside(GuestRam::kHighStart.value, UINT64_MAX - GuestRam::kHighStart.value + 2);
  outside(uint64_t{2} << 30, 0);
}

TEST_F(GuestMemoryTest, CopiesInAndOut) {
  ASSERT_THAT(memory_.WriteObject<uint32_t>({0x101}, 0x04030201), IsOk());
  EXPECT_EQ(ram_.Text({0x101}, 4), "\x01\x02\x03\x04");
  const auto read = memory_.ReadObject<uint16_t>({0x102});
  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(*read, 0x0302);
  EXPECT_THAT(memory_.ReadObject<uint32_t>({GuestRam::kLowBytes - 3}),
              StatusIs(absl::StatusCode::kOutOfRange, _));
  EXPECT_THAT(memory_.WriteObject<uint32_t>({GuestRam::kLowBytes - 3}, 7),
              StatusIs(absl::StatusCode::kOutOfRange, _));
  EXPECT_EQ(ram_.Text({GuestRam::kLowBytes - 3}, 3), std::string(3, '\0'));
}

TEST_F(GuestMemoryTest, SharesAlignedObjectsOnly) {
  EXPECT_THAT(memory_.Shared<uint32_t>({0x104}, 2), IsOk());
  EXPECT_THAT(memory_.Shared<uint32_t>({0x102}, 2),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("0x102")));
  EXPECT_THAT(memory_.Shared<uint32_t>({GuestRam::kLowBytes - 4}, 2),
              StatusIs(absl::StatusCode::kOutOfRange, _));
}

}  // namespace
}  // namespace voidbox

#include "agent/ext4_size.h"

#include <array>

#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;

std::array<char, kSuperblockBytes> Superblock(char log_block_size) {
  std::array<char, kSuperblockBytes> bytes = {};
  bytes[0x4] = 3;  // s_blocks_count_lo
  bytes[0x5] = 1;
  bytes[0x18] = log_block_size;
  bytes[0x21] = '\x20';  // s_blocks_per_group
  bytes[0x38] = '\x53';
  bytes[0x39] = '\xef';
  bytes[0x150] = 1;  // s_blocks_count_hi, which means nothing yet
  return bytes;
}

TEST(Ext4SuperblockTest, GivesItsSize) {
  const auto size = ParseExt4Size(Superblock(2));
  ASSERT_THAT(size, IsOk());
  EXPECT_EQ(size->blocks, 0x103);
  EXPECT_EQ(size->block_bytes, 4096);
  EXPECT_EQ(size->blocks_per_group, 8192);
}

TEST(Ext4SuperblockTest, CountsInSixtyFourBitsWhereThatIsAFeature) {
  auto bytes = Superblock(0);
  bytes[0x60] = '\x80';
  const auto size = ParseExt4Size(bytes);
  ASSERT_THAT(size, IsOk());
  EXPECT_EQ(size->blocks, 0x1'0000'0103);
  EXPECT_EQ(size->block_bytes, 1024);
}

TEST(Ext4SuperblockTest, RefusesWhatIsNone) {
  const std::array<char, kSuperblockBytes> zeroes = {};
  EXPECT_THAT(ParseExt4Size(zeroes),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("magic number 0x0")));
  EXPECT_THAT(ParseExt4Size(Superblock(7)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("block size 2^7 KiB")));
  EXPECT_THAT(ParseExt4Size(Superblock(6)), IsOk());
}

}  // namespace
}  // namespace voidbox

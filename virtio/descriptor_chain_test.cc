#include "virtio/descriptor_chain.h"

#include <string>

#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

using ::testing::_;
using ::testing::HasSubstr;

std::span<std::byte> Bytes(std::string& text) {
  return std::as_writable_bytes(std::span(text.data(), text.size()));
}
std::span<const std::byte> Bytes(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

class ChainCursorTest : public ::testing::Test {
 protected:
  ChainCursor::Buffers Buffers() {
    return {{first_.data(), first_.size()},
            {second_.data(), second_.size()},
            {third_.data(), third_.size()}};
  }
  std::string first_ = "abc";
  std::string second_ = "d";
  std::string third_ = "efgh";
};

TEST_F(ChainCursorTest, ReadsAcrossBuffers) {
  ChainReader reader(Buffers());
  EXPECT_EQ(reader.remaining(), 8);
  std::string out(5, '.');
  ASSERT_THAT(reader.Read(Bytes(out)), IsOk());
  EXPECT_EQ(out, "abcde");
  EXPECT_EQ(reader.consumed(), 5);
  const auto object = reader.ReadObject<uint16_t>();
  ASSERT_THAT(object, IsOk());
  EXPECT_EQ(*object, 'f' | 'g' << 8);
  EXPECT_EQ(reader.remaining(), 1);
}

TEST_F(ChainCursorTest, ShortReadsPassNothing) {
  ChainReader reader(Buffers());
  ASSERT_THAT(reader.Skip(4), IsOk());
  std::string out(5, '.');
  EXPECT_THAT(reader.Read(Bytes(out)),
              StatusIs(absl::StatusCode::kOutOfRange, HasSubstr("5 bytes wanted, 4 left")));
  EXPECT_THAT(reader.ReadObject<uint64_t>(), StatusIs(absl::StatusCode::kOutOfRange, _));
  EXPECT_THAT(reader.Skip(5), StatusIs(absl::StatusCode::kOutOfRange, _));
  EXPECT_EQ(out, ".....");
  EXPECT_EQ(reader.remaining(), 4);
}

TEST_F(ChainCursorTest, WritesAcrossBuffers) {
  ChainWriter writer(Buffers());
  ASSERT_THAT(writer.Skip(2), IsOk());
  ASSERT_THAT(writer.Write(Bytes(std::string("XYZ"))), IsOk());
  EXPECT_EQ(first_ + second_ + third_, "abXYZfgh");
  EXPECT_THAT(writer.Write(Bytes(std::string("1234"))), StatusIs(absl::StatusCode::kOutOfRange, _));
  EXPECT_EQ(first_ + second_ + third_, "abXYZfgh");
}

TEST_F(ChainCursorTest, PeeksWithoutPassing) {
  ChainReader reader(Buffers());
  ASSERT_THAT(reader.Skip(1), IsOk());
  const ChainCursor::Buffers next = reader.Peek(4);
  ASSERT_EQ(next.size(), 3);
  EXPECT_EQ(next[0].iov_base, first_.data() + 1);
  EXPECT_EQ(next[0].iov_len, 2);
  EXPECT_EQ(next[1].iov_len, 1);
  EXPECT_EQ(next[2].iov_base, third_.data());
  EXPECT_EQ(next[2].iov_len, 1);
  EXPECT_EQ(reader.remaining(), 7);
  EXPECT_TRUE(reader.Peek(0).empty());
}

TEST_F(ChainCursorTest, PeeksAtMostWhatRemains) {
  ChainReader reader(Buffers());
  ASSERT_THAT(reader.Skip(7), IsOk());
  const ChainCursor::Buffers next = reader.Peek(100);
  ASSERT_EQ(next.size(), 1);
  EXPECT_EQ(next[0].iov_len, 1);
  ASSERT_THAT(reader.Skip(1), IsOk());
  EXPECT_TRUE(reader.Peek(1).empty());
}

TEST(EmptyChainCursorTest, HasNothing) {
  ChainReader reader(ChainCursor::Buffers{});
  EXPECT_EQ(reader.remaining(), 0);
  EXPECT_THAT(reader.Read({}), IsOk());
  EXPECT_THAT(reader.Skip(1), StatusIs(absl::StatusCode::kOutOfRange, _));
}

}  // namespace
}  // namespace voidbox

#include "virtio/vsock/ring_buffer.h"

#include <cstring>
#include <random>
#include <string>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

void Append(RingBuffer& ring, absl::string_view text) {
  for (const std::span<std::byte> piece : ring.Extend(text.size())) {
    if (!piece.empty()) std::memcpy(piece.data(), text.data(), piece.size());
    text.remove_prefix(piece.size());
  }
  EXPECT_TRUE(text.empty());
}

std::string Text(const RingBuffer& ring) {
  std::string text;
  for (const iovec& piece : ring.Front()) {
    if (piece.iov_len > 0) text.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
  }
  return text;
}

TEST(RingBufferTest, IsAQueueOfBytesWhateverTheSizes) {
  std::mt19937 random(1);
  RingBuffer ring;
  std::string expected;
  char next = 0;
  for (int i = 0; i < 5000; ++i) {
    std::string text(random() % 3000, '\0');
    for (char& c : text) c = next++;
    Append(ring, text);
    expected += text;
    const size_t consumed = std::min<size_t>(expected.size(), random() % 3100);
    ring.Consume(consumed);
    expected.erase(0, consumed);
    ASSERT_EQ(ring.size(), expected.size());
    ASSERT_EQ(Text(ring), expected);
  }
}

TEST(RingBufferTest, HasNoMemoryWhenEmpty) {
  RingBuffer ring;
  EXPECT_EQ(ring.Front()[0].iov_base, nullptr);
  Append(ring, "abc");
  EXPECT_NE(ring.Front()[0].iov_base, nullptr);
  ring.Consume(3);
  EXPECT_EQ(ring.Front()[0].iov_base, nullptr);
  Append(ring, "abc");
  ring.Clear();
  EXPECT_TRUE(ring.empty());
  EXPECT_EQ(ring.Front()[0].iov_base, nullptr);
}

}  // namespace
}  // namespace voidbox

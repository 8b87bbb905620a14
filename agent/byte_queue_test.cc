#include "agent/byte_queue.h"

#include <gtest/gtest.h>

#include <string>

namespace voidbox {
namespace {

TEST(ByteQueueTest, FirstInFirstOutHoweverItIsCut) {
  ByteQueue queue;
  std::string expected, got;
  size_t in = 1, out = 1;
  for (int round = 0; round < 5000; ++round) {
    in = in * 7 % 1009;
    out = out * 11 % 1009;
    const std::string piece(in, static_cast<char>('a' + round % 26));
    queue.Append(piece);
    expected += piece;
    const size_t taken = std::min(out, queue.size());
    got += std::string(queue.contents().substr(0, taken));
    queue.Consume(taken);
  }
  got += std::string(queue.contents());
  EXPECT_TRUE(got == expected);
}

TEST(ByteQueueTest, WhatIsReservedIsNotThereBeforeItIsCommitted) {
  ByteQueue queue;
  queue.Append("a");
  std::copy_n("bcd", 3, queue.Reserve(1000));
  EXPECT_EQ(queue.contents(), "a");
  queue.Commit(2);
  EXPECT_EQ(queue.contents(), "abc");
  queue.Clear();
  EXPECT_TRUE(queue.empty());
}

TEST(ByteQueueTest, TakesItsSpaceAgain) {
  ByteQueue queue;
  queue.Append(std::string(100, 'x'));
  const char* const block = queue.Reserve(0) - 100;
  for (int i = 0; i < 10'000; ++i) {
    queue.Append(std::string(100, 'x'));
    queue.Consume(100);
  }
  // Never more than 200 bytes at once: the first block of 512 has room.
  EXPECT_EQ(queue.size(), 100u);
  EXPECT_LE(queue.contents().data() - block, 512);
  EXPECT_GE(queue.contents().data() - block, 0);
}

}  // namespace
}  // namespace voidbox

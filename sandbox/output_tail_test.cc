#include "sandbox/output_tail.h"

#include <string>

#include "gtest/gtest.h"

namespace voidbox {
namespace {

TEST(OutputTailTest, GivesTheLastLines) {
  OutputTail tail;
  tail.Append("one\r\ntw");
  tail.Append("o\nthree");
  EXPECT_EQ(tail.LastLines(2), "  two\n  three\n");
}

TEST(OutputTailTest, EmptyOutputIsEmpty) { EXPECT_EQ(OutputTail().LastLines(5), ""); }

TEST(OutputTailTest, HidesControlCharacters) {
  OutputTail tail;
  tail.Append("\x1b]0;title\a\x9b\tok\n");
  EXPECT_EQ(tail.LastLines(1), "  ?]0;title??\tok\n");
}

TEST(OutputTailTest, KeepsABoundedNumberOfBytes) {
  OutputTail tail(100);
  for (int i = 0; i < 1000; ++i) tail.Append(std::string(37, 'a'));
  tail.Append(std::string(5000, 'b'));
  const std::string text = tail.LastLines(1);
  EXPECT_LE(text.size(), 203u);
  EXPECT_EQ(text.substr(text.size() - 101), std::string(100, 'b') + "\n");
}

}  // namespace
}  // namespace voidbox

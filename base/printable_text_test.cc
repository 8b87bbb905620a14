#include "base/printable_text.h"

#include <string>

#include "gtest/gtest.h"

namespace voidbox {
namespace {

TEST(PrintableTextTest, TextStaysAsItIs) {
  const std::string text =
      "h\xc3\xa9llo\tw\xc3\xb6rld\n\xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x90\xa7\n";
  EXPECT_EQ(PrintableText(text), text);
  EXPECT_EQ(PrintableText(""), "");
}

TEST(PrintableTextTest, ControlCharactersAreShown) {
  EXPECT_EQ(PrintableText("\x1b[2J\x1b]0;title\x07"), "\\x1b[2J\\x1b]0;title\\x07");
  EXPECT_EQ(PrintableText("a\rb\bc\x7f"), "a\\x0db\\x08c\\x7f");
  EXPECT_EQ(PrintableText(std::string("\0", 1)), "\\x00");
  EXPECT_EQ(PrintableText("\xc2\x9b"
                          "31m"),
            "\\u009b31m")
      << "CSI as one character";
  EXPECT_EQ(PrintableText("\xe2\x80\xae"
                          "gpj.exe"),
            "\\u202egpj.exe");
  EXPECT_EQ(PrintableText("\xe2\x81\xa6"), "\\u2066");
}

TEST(PrintableTextTest, WhatIsNoUtf8IsShown) {
  EXPECT_EQ(PrintableText("\x9b"
                          "31m"),
            "\\x9b31m")
      << "CSI as one byte";
  EXPECT_EQ(PrintableText("\xff"), "\\xff");
  EXPECT_EQ(PrintableText("\xc3"), "\\xc3") << "cut";
  EXPECT_EQ(PrintableText("\xc3("), "\\xc3(");
  EXPECT_EQ(PrintableText("\xc0\x9b"), "\\xc0\\x9b") << "overlong";
  EXPECT_EQ(PrintableText("\xe0\x80\x9b"), "\\xe0\\x80\\x9b") << "overlong";
  EXPECT_EQ(PrintableText("\xed\xa0\x80"), "\\xed\\xa0\\x80") << "a surrogate";
  EXPECT_EQ(PrintableText("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80") << "beyond U+10FFFF";
}

TEST(PrintableTextTest, ALineKeepsNoLineFeedAndNoTab) {
  EXPECT_EQ(PrintableLine("a\nb\tc"), "a\\x0ab\\x09c");
}

TEST(PrintableStreamTest, PiecesMayCutCharacters) {
  const std::string text = "\xe6\x97\xa5\r\n\x1b[m\xf0\x9f\x90\xa7\xc2\x9b";
  for (size_t at = 0; at <= text.size(); ++at) {
    PrintableStream stream;
    std::string out = stream.Take(text.substr(0, at));
    out += stream.Take(text.substr(at));
    EXPECT_EQ(out, "\xe6\x97\xa5\r\n\\x1b[m\xf0\x9f\x90\xa7\\u009b") << at;
    EXPECT_EQ(stream.Finish(), "");
  }
  PrintableStream bytes;
  std::string out;
  for (const char c : text) out += bytes.Take(std::string(1, c));
  EXPECT_EQ(out, "\xe6\x97\xa5\r\n\\x1b[m\xf0\x9f\x90\xa7\\u009b");
}

TEST(PrintableStreamTest, TheEndMayCutACharacter) {
  PrintableStream stream;
  EXPECT_EQ(stream.Take("\xf0\x9f"), "");
  EXPECT_EQ(stream.Finish(), "\\xf0\\x9f");
  EXPECT_EQ(stream.Take("a"), "a");
}

}  // namespace
}  // namespace voidbox

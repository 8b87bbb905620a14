#include "agent/http/output_text.h"

#include <gtest/gtest.h>

#include <string>

namespace voidbox {
namespace {

TEST(OutputTextTest, TextIsItself) {
  for (const std::string& text :
       {std::string(), std::string("hello\tthere\r\n"), std::string("caf\xc3\xa9"),
        std::string("\xe2\x82\xac \xf0\x9f\x98\x80"), std::string("\x1b[31mred text\x1b[0m"),
        std::string("\xef\xbf\xbf\xf4\x8f\xbf\xbf")}) {
    const OutputText output = ToOutputText(text);
    EXPECT_FALSE(output.base64) << text;
    EXPECT_EQ(output.text, text);
  }
}

TEST(OutputTextTest, BytesThatAreNotUtf8AreBase64) {
  for (const char* bytes :
       {"\xff", "\x80", "abc\xc3", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80", "\xe2\x82", "\xc3(", "\xf0\x80\x80\x80"}) {
    EXPECT_TRUE(ToOutputText(bytes).base64) << bytes;
  }
  EXPECT_EQ(ToOutputText("\xff\xfe").text, "//4=");
}

TEST(OutputTextTest, ManyControlCharactersAreNoText) {
  EXPECT_TRUE(ToOutputText(std::string(1000, '\1')).base64);
  EXPECT_TRUE(ToOutputText(std::string(1000, '\0')).base64);
  EXPECT_FALSE(ToOutputText("one\1").base64);
}

TEST(OutputTextTest, AnIncompleteCharacterAtTheEndIsLeft) {
  EXPECT_EQ(WholeCharacters(""), 0u);
  EXPECT_EQ(WholeCharacters("abc"), 3u);
  EXPECT_EQ(WholeCharacters("ab\xc3"), 2u);
  EXPECT_EQ(WholeCharacters("ab\xc3\xa9"), 4u);
  EXPECT_EQ(WholeCharacters("a\xe2\x82"), 1u);
  EXPECT_EQ(WholeCharacters("a\xf0\x9f\x98"), 1u);
  EXPECT_EQ(WholeCharacters("a\xf0\x9f\x98\x80"), 5u);
  // Nonsense does not wait for more.
  EXPECT_EQ(WholeCharacters("\x80\x80\x80\x80\x80"), 5u);
  EXPECT_EQ(WholeCharacters("\x80"), 1u);
  EXPECT_EQ(WholeCharacters("\xff"), 1u);
}

}  // namespace
}  // namespace voidbox

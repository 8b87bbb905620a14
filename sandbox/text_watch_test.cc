#include "sandbox/text_watch.h"

#include <gtest/gtest.h>

namespace voidbox {
namespace {

bool Sees(std::initializer_list<absl::string_view> pieces) {
  TextWatch watch("panic");
  for (const absl::string_view piece : pieces) watch.Append(piece);
  return watch.seen();
}

TEST(TextWatchTest, SeesTheTextHoweverItIsCut) {
  EXPECT_TRUE(Sees({"a panic b"}));
  EXPECT_TRUE(Sees({"a pan", "ic b"}));
  EXPECT_TRUE(Sees({"p", "a", "n", "i", "c"}));
  EXPECT_TRUE(Sees({"", "papani", "", "c", "x"}));
}

TEST(TextWatchTest, SeesNothingElse) {
  EXPECT_FALSE(Sees({}));
  EXPECT_FALSE(Sees({"pani", "k", "c", "pan ic"}));
}

}  // namespace
}  // namespace voidbox

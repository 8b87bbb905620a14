#include "base/tar/relative_path.h"

#include <gtest/gtest.h>

#include <string>

#include "base/status_matchers.h"

namespace voidbox {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

TEST(RelativePathTest, RefusesEveryAbsoluteName) {
  EXPECT_THAT(ParseRelativePath("/home/user/a"), StatusIs(kInvalid, HasSubstr("is absolute")));
  const auto parts = ParseRelativePath("./home/user");
  ASSERT_THAT(parts, IsOk());
  EXPECT_THAT(*parts, ElementsAre("home", "user"));
}

TEST(ShownPathTest, EscapesAndCuts) {
  EXPECT_EQ(ShownPath("a\n\x1b"), "'a\\n\\x1b'");
  EXPECT_EQ(ShownPath(std::string(1000, 'x')).size(), 256u + 5u);
}

}  // namespace
}  // namespace voidbox

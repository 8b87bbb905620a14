#include "image/tree_path.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(TreePathTest, SlashesInFrontAndAtTheEndSayNothing) {
  EXPECT_THAT(SplitTreePath("a/b.c/..d").value(), ElementsAre("a", "b.c", "..d"));
  EXPECT_THAT(SplitTreePath("//a/").value(), ElementsAre("a"));
  EXPECT_THAT(SplitTreePath("/").value(), IsEmpty());
  EXPECT_THAT(SplitTreePath("").value(), IsEmpty());
}

TEST(TreePathTest, RefusesWhatLeavesTheRoot) {
  for (const std::string path : {"..", "a/../b", "./a", "a//b", "a/."}) {
    EXPECT_THAT(SplitTreePath(path),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'" + path + "'")));
  }
  EXPECT_THAT(SplitTreePath(std::string("a\0/b", 4)),
              StatusIs(absl::StatusCode::kInvalidArgument, "path 'a\\x00/b' contains a NUL byte"));
}

TEST(TreePathTest, RefusesWhatTheGuestCouldNotName) {
  EXPECT_THAT(SplitTreePath(std::string(255, 'n')), IsOk());
  EXPECT_THAT(SplitTreePath(std::string(256, 'n')),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("has a component of 256 bytes, more than the limit of 255")));
  std::string path;
  while (path.size() < 4094) absl::StrAppend(&path, "n/");
  EXPECT_THAT(SplitTreePath(path + "n"), IsOk());
  EXPECT_THAT(SplitTreePath(path + "nn"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("has 4096 bytes, more than the limit of 4095")));
}

}  // namespace
}  // namespace voidbox

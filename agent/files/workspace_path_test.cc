#include "agent/files/workspace_path.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "base/tar/relative_path.h"

namespace voidbox {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

TEST(WorkspacePathTest, IsRelativeOrBeneathOneOfTheTwoNames) {
  for (const char* path : {"a/b", "./a//b/", "/home/user/a/b", "/workspace/a/./b", "a/b/."}) {
    const auto parts = ParseWorkspacePath(path);
    ASSERT_THAT(parts, IsOk()) << path;
    EXPECT_THAT(*parts, ElementsAre("a", "b")) << path;
  }
  for (const char* path : {"", ".", "/home/user", "/home/user/", "/workspace", "/workspace/."}) {
    const auto parts = ParseWorkspacePath(path);
    ASSERT_THAT(parts, IsOk()) << path;
    EXPECT_THAT(*parts, IsEmpty()) << path;
  }
}

TEST(WorkspacePathTest, RefusesWhatIsElsewhere) {
  for (const char* path :
       {"/", "/etc/passwd", "/home", "/home/user2", "/workspaces/a", "//home/user"}) {
    EXPECT_THAT(ParseWorkspacePath(path), StatusIs(kInvalid, HasSubstr("leaves the workspace")))
        << path;
  }
}

TEST(WorkspacePathTest, RefusesTraversal) {
  for (const char* path : {"..", "a/../b", "/home/user/..", "/home/user/../root", "a/.."}) {
    EXPECT_THAT(ParseWorkspacePath(path), StatusIs(kInvalid, HasSubstr("'..' is not allowed")))
        << path;
  }
  const auto name = ParseWorkspacePath("a/..b/...");
  ASSERT_THAT(name, IsOk());
  EXPECT_THAT(*name, ElementsAre("a", "..b", "..."));
}

TEST(WorkspacePathTest, IsBounded) {
  EXPECT_THAT(ParseWorkspacePath(std::string("a\0b", 3)), StatusIs(kInvalid, HasSubstr("NUL")));
  EXPECT_THAT(ParseWorkspacePath(std::string(kMaxNameBytes, 'n')), IsOk());
  EXPECT_THAT(ParseWorkspacePath(std::string(kMaxNameBytes + 1, 'n')),
              StatusIs(kInvalid, HasSubstr("longer than the limit of 255")));
  std::string deep;
  for (size_t i = 0; i < kMaxDepth; ++i) absl::StrAppend(&deep, "d/");
  EXPECT_THAT(ParseWorkspacePath(deep), IsOk());
  EXPECT_THAT(ParseWorkspacePath(deep + "d"),
              StatusIs(kInvalid, HasSubstr("201 levels are more than the limit of 200")));
  EXPECT_THAT(ParseWorkspacePath(std::string(kMaxPathBytes + 1, '/')),
              StatusIs(kInvalid, HasSubstr("leaves the workspace")));
  EXPECT_THAT(ParseWorkspacePath("a" + std::string(kMaxPathBytes, '/')),
              StatusIs(kInvalid, HasSubstr("limit of 4095")));
}

}  // namespace
}  // namespace voidbox

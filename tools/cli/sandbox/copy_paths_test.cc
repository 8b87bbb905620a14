#include "tools/cli/sandbox/copy_paths.h"

#include <unistd.h>

#include <filesystem>
#include <string>

#include "gtest/gtest.h"

namespace voidbox {
namespace {

TEST(CopyPathsTest, AColonMakesAGuestPathUnlessAPathIsBeforeIt) {
  for (const char* text : {"web:", "web:a", "web:/workspace/a:b"}) {
    EXPECT_TRUE(IsGuestPath(text)) << text;
  }
  for (const char* text : {"web", ":a", "./a:b", "/a:b", "-"}) {
    EXPECT_FALSE(IsGuestPath(text)) << text;
  }
  EXPECT_EQ(ParseGuestPath("web:a:b").path, "a:b");
}

TEST(CopyPathsTest, AGuestSourceIsCalledByItsLastPart) {
  for (const char* path : {"a", "a/", "d/a", "./a", "/workspace/a", "/home/user/d//a//", "d/./a"}) {
    EXPECT_EQ(NameOfGuestSource(path), "a") << path;
  }
  EXPECT_EQ(NameOfGuestSource("home/user"), "user") << "in the workspace";
}

TEST(CopyPathsTest, OfAGuestSourceThatEndsInADotAndOfTheWorkspaceTheContentsAreMeant) {
  for (const char* path : {"", ".", "./", "a/.", "a/./", "/workspace", "/workspace/", "/home/user",
                           "/home/user/.", "//home//user", "a/b/.//"}) {
    EXPECT_EQ(NameOfGuestSource(path), "") << path;
  }
}

TEST(CopyPathsTest, ALocalSourceIsCalledByItsLastPart) {
  for (const char* path : {"a", "a/", "d/a", "/d/a//", "./a", "../a"}) {
    EXPECT_EQ(NameOfLocalSource(path), "a") << path;
  }
  for (const char* path : {".", "./", "a/.", "a/./", "/", "//", "../."}) {
    EXPECT_EQ(NameOfLocalSource(path), "") << path;
  }
  const std::string directory = ::testing::TempDir() + "/copy_paths_test/sub";
  std::filesystem::create_directories(directory);
  EXPECT_EQ(NameOfLocalSource(directory + "/.."), "copy_paths_test");
}

}  // namespace
}  // namespace voidbox

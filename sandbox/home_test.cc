#include "sandbox/home.h"

#include <sys/stat.h>

#include <map>
#include <string>

#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;

Environment Of(std::map<std::string, std::string> values) {
  return [values = std::move(values)](const char* name) -> std::optional<std::string> {
    const auto found = values.find(name);
    if (found == values.end()) return std::nullopt;
    return found->second;
  };
}

TEST(HomeTest, OwnVariableComesFirst) {
  EXPECT_EQ(*VoidboxHome(Of({{"VOIDBOX_HOME", "/a"}, {"XDG_DATA_HOME", "/b"}, {"HOME", "/c"}})),
            "/a");
}

TEST(HomeTest, FollowsTheBaseDirectorySpecification) {
  EXPECT_EQ(*VoidboxHome(Of({{"XDG_DATA_HOME", "/b"}, {"HOME", "/c"}})), "/b/voidbox");
  EXPECT_EQ(*VoidboxHome(Of({{"HOME", "/c"}})), "/c/.local/share/voidbox");
  EXPECT_EQ(*VoidboxCache(Of({{"XDG_CACHE_HOME", "/b"}, {"HOME", "/c"}})), "/b/voidbox");
  EXPECT_EQ(*VoidboxCache(Of({{"HOME", "/c"}})), "/c/.cache/voidbox");
}

TEST(HomeTest, IsAbsoluteAndClean) {
  EXPECT_EQ((*VoidboxHome(Of({{"VOIDBOX_HOME", "x/../y"}}))).front(), '/');
  EXPECT_EQ(*VoidboxHome(Of({{"VOIDBOX_HOME", "/nonexistent/x/../y"}})), "/nonexistent/y");
}

TEST(HomeTest, SaysWhatToSet) {
  EXPECT_THAT(VoidboxHome(Of({})),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("VOIDBOX_HOME")));
}

TEST(HomeTest, CreatesAPrivateDirectory) {
  const std::string path = ::testing::TempDir() + "/home_test/a/b";
  ASSERT_THAT(CreatePrivateDirectory(path), IsOk());
  ASSERT_THAT(CreatePrivateDirectory(path), IsOk());  // again
  struct stat attributes;
  ASSERT_EQ(::stat(path.c_str(), &attributes), 0);
  EXPECT_EQ(attributes.st_mode & 0777, 0700);
}

}  // namespace
}  // namespace voidbox

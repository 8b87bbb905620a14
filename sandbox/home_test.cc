#include "sandbox/home.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>
#include <string>

#include "base/status_matchers.h"
#include "base/unique_fd.h"
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

std::optional<std::string> NoHome() { return std::nullopt; }

TEST(HomeTest, SaysWhatToSet) {
  EXPECT_THAT(VoidboxHome(Of({}), NoHome),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("set VOIDBOX_HOME")));
}

TEST(HomeTest, WithoutHomeItIsTheAccounts) {
  const auto account = [] { return std::make_optional<std::string>("/d"); };
  EXPECT_EQ(*VoidboxHome(Of({}), account), "/d/.local/share/voidbox");
  EXPECT_EQ(*VoidboxCache(Of({}), account), "/d/.cache/voidbox");
  EXPECT_EQ(*VoidboxCache(Of({{"VOIDBOX_HOME", "/a"}}), account), "/d/.cache/voidbox");
}

TEST(HomeTest, WithoutAnyHomeTheOwnVariableSufficesForTheCacheToo) {
  EXPECT_EQ(*VoidboxCache(Of({{"VOIDBOX_HOME", "/a"}}), NoHome), "/a/cache");
}

TEST(HomeTest, ARelativePathInADirectoryThatIsGoneIsAnError) {
  const UniqueFd before(::open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const std::string gone = ::testing::TempDir() + "/home_test_gone";
  ASSERT_EQ(::mkdir(gone.c_str(), 0700), 0);
  ASSERT_EQ(::chdir(gone.c_str()), 0);
  ASSERT_EQ(::rmdir(gone.c_str()), 0);
  EXPECT_THAT(VoidboxHome(Of({{"VOIDBOX_HOME", "x"}})).status(),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("x")));
  EXPECT_EQ(*VoidboxHome(Of({{"VOIDBOX_HOME", "/a"}})), "/a");
  ASSERT_EQ(::fchdir(before.get()), 0);
}

TEST(HomeTest, SaysWhatHelpsWhereNothingCanBeWritten) {
  EXPECT_THAT(CreatePrivateDirectory("/proc/nothing/here"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("set VOIDBOX_HOME to")));
  EXPECT_THAT(PlaceError("/a", EROFS).message(), HasSubstr("/a: Read-only file system; set"));
  EXPECT_THAT(PlaceError("/a", ENOSPC).message(), HasSubstr("free some space"));
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

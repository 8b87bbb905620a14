#include "base/tar/move_tree.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "base/tar/testing_tree.h"
#include "base/unique_fd.h"

namespace voidbox {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class MoveTreeTest : public ::testing::Test {
 protected:
  MoveTreeTest() {
    std::filesystem::create_directories(files_.Path("from"));
    std::filesystem::create_directories(files_.Path("to"));
  }
  absl::Status Move() {
    const UniqueFd from(::openat(files_.root(), "from", O_PATH | O_DIRECTORY | O_CLOEXEC));
    const UniqueFd to(::openat(files_.root(), "to", O_PATH | O_DIRECTORY | O_CLOEXEC));
    return MoveTree(from.get(), to.get());
  }
  void Directory(const std::string& name) {
    std::filesystem::create_directories(files_.Path(name));
  }
  TestingTree files_;
};

TEST_F(MoveTreeTest, MovesWhatIsNewAndMergesWhatIsNot) {
  Directory("from/new/deep");
  files_.Write("from/new/deep/file", "1");
  Directory("from/both/x");
  files_.Write("from/both/file", "new");
  Directory("to/both/y");
  files_.Write("to/both/file", "old");
  EXPECT_THAT(Move(), IsOk());
  EXPECT_THAT(files_.Tree(),
              ElementsAre("d from", "d from/both", "d to", "d to/both", "d to/both/x",
                          "d to/both/y", "d to/new", "d to/new/deep", "f from/both/file old",
                          "f to/both/file new", "f to/new/deep/file 1"));
}

TEST_F(MoveTreeTest, AFailureInTheMiddleIsTakenBack) {
  // Many, so that some are moved before the one that fails, whatever the order.
  for (int i = 0; i < 50; ++i) {
    const std::string n = std::to_string(i);
    files_.Write("from/new" + n, "new");
    files_.Write("from/file" + n, "new");
    files_.Write("to/file" + n, "old");
    Directory("from/d" + n + "/x");
    Directory("to/d" + n);
  }
  files_.Write("from/clash", "new");
  Directory("to/clash");
  const std::vector<std::string> before = files_.Tree();
  EXPECT_THAT(Move(), StatusIs(absl::StatusCode::kFailedPrecondition,
                               HasSubstr("'clash': a file cannot take the place of a directory")));
  EXPECT_EQ(files_.Tree(), before);
}

TEST_F(MoveTreeTest, ADirectoryDoesNotTakeThePlaceOfAnythingElse) {
  Directory("from/a");
  files_.Write("to/a", "file");
  EXPECT_THAT(Move(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("'a'")));
  ASSERT_EQ(::unlink(files_.Path("to/a").c_str()), 0);
  ASSERT_EQ(::symlink("..", files_.Path("to/a").c_str()), 0);
  EXPECT_THAT(Move(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("'a'")));
  EXPECT_THAT(files_.Tree(), ElementsAre("d from", "d from/a", "d to", "l to/a -> .."));
}

TEST_F(MoveTreeTest, ALinkIsReplacedAndNotFollowed) {
  files_.Write("victim", "victim");
  files_.Write("from/a", "new");
  ASSERT_EQ(::symlink("../victim", files_.Path("to/a").c_str()), 0);
  EXPECT_THAT(Move(), IsOk());
  EXPECT_EQ(files_.Read("to/a"), "new");
  EXPECT_EQ(files_.Read("victim"), "victim");
}

TEST_F(MoveTreeTest, KeepsTheModesOfWhatMoves) {
  Directory("from/closed");
  ASSERT_EQ(::chmod(files_.Path("from/closed").c_str(), 0555), 0);
  EXPECT_THAT(Move(), IsOk());
  struct stat info;
  ASSERT_EQ(::stat(files_.Path("to/closed").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0555u);
}

}  // namespace
}  // namespace voidbox

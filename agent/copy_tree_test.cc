#include "agent/copy_tree.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/io.h"
#include "base/status_matchers.h"
#include "base/unique_fd.h"

namespace voidbox {
namespace {

namespace fs = std::filesystem;

class CopyTreeTest : public ::testing::Test {
 protected:
  CopyTreeTest() : root_(absl::StrCat(::testing::TempDir(), "/copy-tree-", ::getpid())) {
    fs::create_directories(from());
    fs::create_directories(to());
  }
  ~CopyTreeTest() override { fs::remove_all(root_); }
  std::string from() const { return root_ + "/from"; }
  std::string to() const { return root_ + "/to"; }
  void Write(const std::string& name, const std::string& text) {
    EXPECT_THAT(WriteFileAtomically(absl::StrCat(from(), "/", name), text), IsOk());
  }
  absl::Status Copy(const CopyLimits& limits = {}) {
    const UniqueFd from_fd(::open(from().c_str(), O_RDONLY | O_DIRECTORY));
    const UniqueFd to_fd(::open(to().c_str(), O_RDONLY | O_DIRECTORY));
    return CopyTree(from_fd.get(), to_fd.get(), limits);
  }
  struct stat Copied(const std::string& name) {
    struct stat info = {};
    EXPECT_EQ(::lstat(absl::StrCat(to(), "/", name).c_str(), &info), 0) << name;
    return info;
  }
  const std::string root_;
};

TEST_F(CopyTreeTest, KeepsKindsModesAndTimes) {
  fs::create_directories(from() + "/mysqld/deep");
  ASSERT_EQ(::chmod((from() + "/mysqld").c_str(), 01777), 0);
  Write("mysqld/deep/file", "text");
  ASSERT_EQ(::chmod((from() + "/mysqld/deep/file").c_str(), 04750), 0);
  const timespec times[2] = {{.tv_sec = -5, .tv_nsec = 7}, {.tv_sec = -6, .tv_nsec = 8}};
  ASSERT_EQ(::utimensat(AT_FDCWD, (from() + "/mysqld/deep/file").c_str(), times, 0), 0);
  ASSERT_EQ(::utimensat(AT_FDCWD, (from() + "/mysqld").c_str(), times, 0), 0);
  fs::create_symlink("/nowhere/at/all", from() + "/link");
  ASSERT_EQ(::mkfifo((from() + "/pipe").c_str(), 0620), 0);
  ASSERT_EQ(::mknod((from() + "/socket").c_str(), S_IFSOCK | 0600, 0), 0);
  ASSERT_THAT(Copy(), IsOk());
  EXPECT_EQ(Copied("mysqld").st_mode, static_cast<mode_t>(S_IFDIR | 01777));
  EXPECT_EQ(Copied("mysqld").st_mtim.tv_sec, -6) << "also though it was filled after";
  EXPECT_EQ(Copied("mysqld/deep/file").st_mode, static_cast<mode_t>(S_IFREG | 04750));
  EXPECT_EQ(Copied("mysqld/deep/file").st_mtim.tv_nsec, 8);
  EXPECT_EQ(*ReadFile(to() + "/mysqld/deep/file"), "text");
  EXPECT_EQ(fs::read_symlink(to() + "/link"), "/nowhere/at/all");
  EXPECT_TRUE(S_ISFIFO(Copied("pipe").st_mode));
  EXPECT_TRUE(S_ISSOCK(Copied("socket").st_mode));
}

TEST_F(CopyTreeTest, IsBounded) {
  Write("a", std::string(100, 'a'));
  Write("b", std::string(100, 'b'));
  EXPECT_THAT(Copy({.bytes = 199}), StatusIs(absl::StatusCode::kResourceExhausted, ::testing::_));
  fs::remove_all(to());
  fs::create_directories(to());
  EXPECT_THAT(Copy({.entries = 1}), StatusIs(absl::StatusCode::kResourceExhausted, ::testing::_));
  fs::remove_all(to());
  fs::create_directories(to());
  EXPECT_THAT(Copy({.entries = 2, .bytes = 200}), IsOk());
}

TEST_F(CopyTreeTest, AFileThatClaimsToBeLongIsNotReadToItsEnd) {
  Write("sparse", "");
  ASSERT_EQ(::truncate((from() + "/sparse").c_str(), off_t{1} << 40), 0);
  EXPECT_THAT(Copy({.bytes = 1 << 20}),
              StatusIs(absl::StatusCode::kResourceExhausted, ::testing::_));
}

TEST_F(CopyTreeTest, DepthIsBounded) {
  fs::create_directories(from() + "/1/2/3");
  EXPECT_THAT(Copy({.depth = 3}), StatusIs(absl::StatusCode::kResourceExhausted, ::testing::_));
  fs::remove_all(to());
  fs::create_directories(to());
  EXPECT_THAT(Copy({.depth = 4}), IsOk());
}

TEST_F(CopyTreeTest, ReplacesNothing) {
  Write("a", "new");
  ASSERT_THAT(WriteFileAtomically(to() + "/a", "old"), IsOk());
  EXPECT_THAT(Copy(), StatusIs(absl::StatusCode::kAlreadyExists, ::testing::_));
  EXPECT_EQ(*ReadFile(to() + "/a"), "old");
}

}  // namespace
}  // namespace voidbox

#include "image/store/store_directory.h"

#include <unistd.h>

#include <filesystem>
#include <string>

#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class StoreDirectoryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = ::testing::TempDir() + "/store_directory_test";
    std::filesystem::remove_all(path_);
    std::filesystem::remove_all(path_ + ".moved");
    std::filesystem::create_directories(path_);
  }
  std::string path_;
};

TEST_F(StoreDirectoryTest, IsTheSameDirectoryWhateverBecomesOfItsPath) {
  const auto directory = StoreDirectory::Open(path_);
  ASSERT_THAT(directory, IsOk());
  ASSERT_THAT(directory->CreateFile("b"), IsOk());
  ASSERT_THAT(directory->CreateFile("a"), IsOk());
  std::filesystem::rename(path_, path_ + ".moved");
  const auto names = directory->List();
  ASSERT_THAT(names, IsOk());
  EXPECT_THAT(*names, ElementsAre("a", "b"));
}

TEST_F(StoreDirectoryTest, ALinkInADirectorysPlaceIsToldAsOne) {
  const auto directory = StoreDirectory::Open(path_);
  ASSERT_THAT(directory, IsOk());
  ASSERT_EQ(::symlink("/etc", (path_ + "/link").c_str()), 0);
  ASSERT_THAT(directory->CreateFile("file"), IsOk());
  std::filesystem::rename(path_, path_ + ".moved");
  EXPECT_THAT(directory->Below("link", /*create=*/false).status(),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("is a symbolic link")));
  EXPECT_THAT(directory->Below("file", /*create=*/true).status().message(),
              HasSubstr("Not a directory"));
  EXPECT_THAT(directory->Below("none", /*create=*/false).status(),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("none")));
}

}  // namespace
}  // namespace voidbox

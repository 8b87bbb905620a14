#include "sandbox/emulated_host/machine_file.h"

#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "base/io.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

using ::testing::_;
using ::testing::HasSubstr;

class MachineFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string directory = ::testing::TempDir() + "/machine_file_test";
    std::filesystem::remove_all(directory);
    std::filesystem::create_directories(directory + "/home/u");
    std::filesystem::create_directories(directory + "/dev/shm");
    root_ = std::filesystem::canonical(directory);
    for (const char* file : {"/home/u/disk", "/dev/shm/disk"}) {
      ASSERT_THAT(WriteFileAtomically(root_ + file, "x"), IsOk());
    }
  }
  std::string root_;
};

TEST_F(MachineFileTest, LiesBelowTheRoot) {
  EXPECT_EQ(*MachineFile("/home/u/disk", root_), root_ + "/home/u/disk");
  EXPECT_EQ(*MachineFile("/home/./u/../u/disk", root_), root_ + "/home/u/disk");
  EXPECT_EQ(*MachineFile("/../../home/u/disk", root_), root_ + "/home/u/disk");
}

TEST_F(MachineFileTest, FollowsLinksAsTheMachineDoes) {
  std::filesystem::create_symlink("/dev/shm/disk", root_ + "/home/u/absolute");
  std::filesystem::create_symlink("../u/disk", root_ + "/home/u/relative");
  std::filesystem::create_symlink("/home", root_ + "/users");
  EXPECT_EQ(*MachineFile("/home/u/absolute", root_), root_ + "/dev/shm/disk");
  EXPECT_EQ(*MachineFile("/users/u/relative", root_), root_ + "/home/u/disk");
}

TEST_F(MachineFileTest, MissingFilesAreNotFound) {
  std::filesystem::create_symlink("/etc/passwd", root_ + "/home/u/outside");
  EXPECT_THAT(MachineFile("/home/u/none", root_),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/home/u/none")));
  EXPECT_THAT(MachineFile("/home/u/outside", root_), StatusIs(absl::StatusCode::kNotFound, _));
  EXPECT_THAT(MachineFile("/home/u/disk", root_ + "/none"),
              StatusIs(absl::StatusCode::kNotFound, _));
}

TEST_F(MachineFileTest, KnowsWhereTheHostHasItsOwnFiles) {
  EXPECT_TRUE(IsHiddenInside(root_ + "/dev/shm/disk", root_));
  EXPECT_TRUE(IsHiddenInside(root_ + "/proc/version", root_));
  EXPECT_FALSE(IsHiddenInside(root_ + "/home/u/disk", root_));
  EXPECT_FALSE(IsHiddenInside(root_ + "/device", root_));
}

TEST_F(MachineFileTest, OnlyRegularFilesOfFileSystemsCanBeOpenedInside) {
  EXPECT_THAT(CheckMachineFile(root_ + "/home/u/disk", "disk"), IsOk());
  std::filesystem::create_symlink(root_ + "/home/u/disk", root_ + "/link");
  EXPECT_THAT(CheckMachineFile(root_ + "/link", "disk"), IsOk());
  std::filesystem::create_symlink("/proc/version", root_ + "/version");
  ASSERT_EQ(::mkfifo((root_ + "/fifo").c_str(), 0600), 0);
  for (const std::string& path : {std::string("/dev/null"), std::string("/proc/version"),
                                  root_ + "/version", root_ + "/fifo"}) {
    EXPECT_THAT(CheckMachineFile(path, "disk"),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("disk " + path + ": not a regular file")));
  }
  EXPECT_THAT(CheckMachineFile(root_ + "/none", "disk"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("disk " + root_ + "/none")));
}

}  // namespace
}  // namespace voidbox

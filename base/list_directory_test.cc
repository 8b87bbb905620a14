#include "base/list_directory.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"

namespace voidbox {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(ListDirectoryTest, GivesTheNamesInOrderWhateverTheyAre) {
  const std::string path = ::testing::TempDir() + "/list_directory_test";
  std::filesystem::remove_all(path);
  std::filesystem::create_directories(path + "/b");
  std::ofstream(path + "/a\n\xff").flush();
  std::ofstream(path + "/.hidden").flush();
  EXPECT_THAT(ListDirectory(path).value(), ElementsAre(".hidden", "a\n\xff", "b"));
}

TEST(ListDirectoryTest, SaysWhichDirectoryIsNotThere) {
  EXPECT_THAT(ListDirectory("/nowhere"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/nowhere")));
  EXPECT_THAT(ListDirectory("/dev/null"),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("/dev/null")));
}

// Linux (proc_readfd_common) says ENOENT of an ended process' descriptors: std::filesystem's
// iterator would throw.
TEST(ListDirectoryTest, ReadingThatFailsIsAStatus) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  ASSERT_GT(child, 0);
  UniqueFd directory(
      ::open(absl::StrCat("/proc/", child, "/fd").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ASSERT_TRUE(directory);
  ASSERT_EQ(::kill(child, SIGKILL), 0);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_THAT(ListDirectory(std::move(directory), "the child's"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("the child's")));
}

}  // namespace
}  // namespace voidbox

#include "base/tar/staging.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "base/status_matchers.h"
#include "base/unique_fd.h"

namespace voidbox {
namespace {

class StagingTest : public ::testing::Test {
 protected:
  StagingTest() {
    path_ = ::testing::TempDir() + "/staging.XXXXXX";
    EXPECT_NE(::mkdtemp(path_.data()), nullptr);
    parent_.Reset(::open(path_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  }
  ~StagingTest() override { std::filesystem::remove_all(path_); }
  size_t Entries() const {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(path_), {}));
  }

  std::string path_;
  UniqueFd parent_;
};

TEST_F(StagingTest, IsRemovedWithWhatIsInIt) {
  {
    const auto staging = Staging::Create(parent_.get());
    ASSERT_THAT(staging, IsOk());
    EXPECT_EQ(::mkdirat(staging->directory(), "a", 0), 0);  // one that not even we may enter
    EXPECT_EQ(Entries(), 1u);
  }
  EXPECT_EQ(Entries(), 0u);
}

TEST_F(StagingTest, OneThatIsInUseIsNotTakenForStale) {
  const auto first = Staging::Create(parent_.get());
  const auto second = Staging::Create(parent_.get());
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(second, IsOk());
  EXPECT_EQ(Entries(), 2u);
  EXPECT_EQ(::mkdirat(first->directory(), "a", 0700), 0);
}

TEST_F(StagingTest, StaleOnesAndNothingElseAreRemoved) {
  std::filesystem::create_directories(path_ + "/.voidbox-upload-1/a/b");
  std::filesystem::create_directories(path_ + "/.voidbox-uploads");
  std::filesystem::create_symlink("/etc", path_ + "/.voidbox-upload-2");
  const auto staging = Staging::Create(parent_.get());
  ASSERT_THAT(staging, IsOk());
  EXPECT_FALSE(std::filesystem::exists(path_ + "/.voidbox-upload-1"));
  EXPECT_TRUE(std::filesystem::exists(path_ + "/.voidbox-uploads"));
  EXPECT_TRUE(std::filesystem::is_symlink(path_ + "/.voidbox-upload-2"));
}

TEST_F(StagingTest, ManyAtOnceAllGetOne) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([this] {
      for (int round = 0; round < 50; ++round) {
        const auto staging = Staging::Create(parent_.get());
        ASSERT_THAT(staging, IsOk());
        EXPECT_EQ(::mkdirat(staging->directory(), "a", 0700), 0);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Entries(), 0u);
}

}  // namespace
}  // namespace voidbox

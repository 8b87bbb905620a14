#include "sandbox/emulated_host/saved_state.h"

#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <string>

#include "base/io.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

class SavedStateTest : public ::testing::Test {
 protected:
  void SetUp() override {
    cache_ = ::testing::TempDir() + "/saved_state_test";
    std::filesystem::remove_all(cache_);
    std::filesystem::create_directories(cache_);
  }
  void Save(const std::string& key, const std::string& bytes) {
    auto writer = SavedState(cache_, key).Create();
    ASSERT_THAT(writer, IsOk());
    ASSERT_THAT(WriteAll(writer->fd(), bytes), IsOk());
    ASSERT_THAT(writer->Commit(), IsOk());
  }
  std::string Load(const std::string& key) {
    auto file = SavedState(cache_, key).Open();
    EXPECT_THAT(file, IsOk());
    if (!file->has_value()) return "none";
    std::string bytes(100, '\0');
    auto got = ReadUpTo((*file)->get(), bytes.data(), bytes.size());
    EXPECT_THAT(got, IsOk());
    return bytes.substr(0, *got);
  }
  std::string cache_;
};

TEST_F(SavedStateTest, KeepsOneStateForEachKey) {
  EXPECT_EQ(Load("a"), "none");
  Save("a", "state of a");
  Save("b", "state of b");
  EXPECT_EQ(Load("a"), "state of a");
  EXPECT_EQ(Load("b"), "state of b");
  EXPECT_EQ(Load("c"), "none");
  Save("a", "new state of a");
  EXPECT_EQ(Load("a"), "new state of a");
}

TEST_F(SavedStateTest, UncommittedStateIsNone) {
  {
    auto writer = SavedState(cache_, "a").Create();
    ASSERT_THAT(writer, IsOk());
    ASSERT_THAT(WriteAll(writer->fd(), "half"), IsOk());
    EXPECT_EQ(Load("a"), "none");
  }
  EXPECT_EQ(Load("a"), "none");
  size_t files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(cache_)) {
    if (entry.path().filename().string().find("state") == 0) ++files;
  }
  EXPECT_EQ(files, 0u);
}

TEST_F(SavedStateTest, RemovedStateIsNone) {
  EXPECT_THAT(SavedState(cache_, "a").Remove(), IsOk());  // there is none
  Save("a", "state of a");
  Save("b", "state of b");
  EXPECT_THAT(SavedState(cache_, "a").Remove(), IsOk());
  EXPECT_EQ(Load("a"), "none");
  EXPECT_EQ(Load("b"), "state of b");
}

TEST_F(SavedStateTest, AnotherKeyOfTheSameHashIsNone) {
  Save("a", "state of a");
  ASSERT_THAT(WriteFileAtomically(cache_ + "/host-" + HashName("a") + "/key", "not a"), IsOk());
  EXPECT_EQ(Load("a"), "none");
}

TEST_F(SavedStateTest, RemovesWhatWasNotUsedForAWeek) {
  Save("old", "x");
  Save("recent", "y");
  std::filesystem::create_directories(cache_ + "/other");
  const auto now = std::filesystem::file_time_type::clock::now();
  std::filesystem::last_write_time(cache_ + "/host-" + HashName("old") + "/key",
                                   now - std::chrono::hours(8 * 24));
  std::filesystem::last_write_time(cache_ + "/host-" + HashName("recent") + "/key",
                                   now - std::chrono::hours(6 * 24));
  Save("new", "z");
  EXPECT_FALSE(std::filesystem::exists(cache_ + "/host-" + HashName("old")));
  EXPECT_EQ(Load("recent"), "y");
  EXPECT_TRUE(std::filesystem::exists(cache_ + "/other"));
}

TEST(HashNameTest, IsFnv1a) {
  EXPECT_EQ(HashName(""), "cbf29ce484222325");
  EXPECT_EQ(HashName("a"), "af63dc4c8601ec8c");
}

}  // namespace
}  // namespace voidbox

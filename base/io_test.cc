#include "base/io.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "base/status_matchers.h"
#include "base/unique_fd.h"

namespace voidbox {
namespace {

TEST(IoTest, WriteAllSurvivesShortWrites) {
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  UniqueFd a(pair[0]), b(pair[1]);
  const std::string sent(8 << 20, 'x');
  std::thread writer([&] {
    EXPECT_THAT(WriteAll(a.get(), sent), IsOk());
    a.Reset();
  });
  std::string got(sent.size() + 1, '\0');
  auto size = ReadUpTo(b.get(), got.data(), got.size());
  writer.join();
  ASSERT_THAT(size, IsOk());
  EXPECT_EQ(*size, sent.size());
}

TEST(IoTest, WriteToAClosedSocketIsAnError) {
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  UniqueFd a(pair[0]);
  ::close(pair[1]);
  EXPECT_FALSE(WriteAll(a.get(), "x").ok());
}

TEST(IoTest, ReadFileRefusesMoreThanItsLimit) {
  const std::string path = ::testing::TempDir() + "/limit";
  ASSERT_THAT(WriteFileAtomically(path, "12345"), IsOk());
  EXPECT_EQ(ReadFile(path, 5).value(), "12345");
  EXPECT_THAT(ReadFile(path, 4), StatusIs(absl::StatusCode::kResourceExhausted,
                                          path + ": longer than the limit of 4 bytes"));
}

TEST(IoTest, ReadFileNamesAMissingFile) {
  EXPECT_THAT(ReadFile("/nonexistent/file"),
              StatusIs(absl::StatusCode::kNotFound, ::testing::HasSubstr("/nonexistent/file")));
}

TEST(IoTest, AtomicWriteReplacesAndLeavesNoTemporaryFile) {
  const std::string directory = ::testing::TempDir() + "/atomic";
  std::filesystem::create_directory(directory);
  ASSERT_THAT(WriteFileAtomically(directory + "/f", "old"), IsOk());
  ASSERT_THAT(WriteFileAtomically(directory + "/f", "new", 0600), IsOk());
  EXPECT_EQ(ReadFile(directory + "/f").value(), "new");
  int entries = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(directory))
    ++entries;
  EXPECT_EQ(entries, 1);
  struct stat info;
  ASSERT_EQ(::stat((directory + "/f").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600);
}

}  // namespace
}  // namespace voidbox

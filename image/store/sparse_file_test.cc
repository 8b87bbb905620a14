#include "image/store/sparse_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "base/io.h"
#include "base/status_matchers.h"
#include "base/unique_fd.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;

// Counts, and ends the operation once `limit` bytes are done.
class CountingProgress final : public Progress {
 public:
  void Begin(absl::string_view, uint64_t) override {}
  absl::Status Advance(uint64_t bytes) override {
    done += bytes;
    return done >= limit ? absl::CancelledError("enough") : absl::OkStatus();
  }
  uint64_t done = 0;
  uint64_t limit = UINT64_MAX;
};

class SparseFileTest : public ::testing::Test {
 protected:
  UniqueFd NewFile(const std::string& name) {
    UniqueFd fd(::open((::testing::TempDir() + "/" + name).c_str(),
                       O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    EXPECT_TRUE(fd);
    return fd;
  }
  // What is at `offsets` is "data", the rest a hole.
  void Write(int fd, uint64_t bytes, const std::vector<uint64_t>& offsets) {
    ASSERT_EQ(::ftruncate(fd, static_cast<off_t>(bytes)), 0);
    for (const uint64_t offset : offsets) {
      ASSERT_EQ(::pwrite(fd, "data", 4, static_cast<off_t>(offset)), 4);
    }
  }
  static std::string Contents(int fd) {
    struct stat attributes;
    EXPECT_EQ(::fstat(fd, &attributes), 0);
    std::string text(static_cast<size_t>(attributes.st_size), '\0');
    EXPECT_EQ(::pread(fd, text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
    return text;
  }
  static uint64_t BytesOnDisk(int fd) {
    struct stat attributes;
    EXPECT_EQ(::fstat(fd, &attributes), 0);
    return static_cast<uint64_t>(attributes.st_blocks) * 512;
  }
  CountingProgress progress_;
};

TEST_F(SparseFileTest, CopiesBytesAndHoles) {
  for (const std::vector<uint64_t>& offsets :
       {std::vector<uint64_t>{}, {0}, {(20 << 20) - 4}, {5 << 20}, {0, 1 << 20, 9 << 20}}) {
    const UniqueFd source = NewFile("source");
    const UniqueFd target = NewFile("target");
    Write(source.get(), 20 << 20, offsets);
    progress_.done = 0;
    const auto digest = CopySparsely(source.get(), target.get(), 20 << 20, progress_);
    ASSERT_THAT(digest, IsOk());
    const std::string contents = Contents(target.get());
    EXPECT_TRUE(contents == Contents(source.get()));
    EXPECT_EQ(*digest, Digest::Of(contents));
    EXPECT_LE(BytesOnDisk(target.get()), 1u << 20);
    EXPECT_EQ(progress_.done, 20u << 20);
    EXPECT_EQ(*DigestOfFile(source.get(), 20 << 20, progress_), *digest);
  }
}

TEST_F(SparseFileTest, CopiesBetweenFileSystems) {
  const UniqueFd source = NewFile("source");
  const UniqueFd target(::open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  ASSERT_TRUE(target);
  Write(source.get(), 9 << 20, {0, 8 << 20});
  ASSERT_THAT(CopySparsely(source.get(), target.get(), 9 << 20, progress_), IsOk());
  EXPECT_TRUE(Contents(target.get()) == Contents(source.get()));
}

TEST_F(SparseFileTest, TellsATruncatedFile) {
  const UniqueFd source = NewFile("source");
  const UniqueFd target = NewFile("target");
  Write(source.get(), 1000, {0});
  EXPECT_THAT(CopySparsely(source.get(), target.get(), 1001, progress_),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("ends at 1000 of 1001 bytes")));
  EXPECT_THAT(DigestOfFile(source.get(), 2000, progress_),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("ends at 1000 of 2000 bytes")));
}

TEST_F(SparseFileTest, EndsWhenProgressSaysSo) {
  const UniqueFd source = NewFile("source");
  const UniqueFd target = NewFile("target");
  Write(source.get(), 64 << 20, {0});
  progress_.limit = 8 << 20;
  EXPECT_THAT(CopySparsely(source.get(), target.get(), 64 << 20, progress_),
              StatusIs(absl::StatusCode::kCancelled, "enough"));
  EXPECT_LE(progress_.done, 12u << 20);
}

}  // namespace
}  // namespace voidbox

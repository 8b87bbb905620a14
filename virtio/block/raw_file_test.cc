#include "virtio/block/raw_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/io.h"
#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

using ::testing::_;
using ::testing::AllOf;
using ::testing::HasSubstr;

class RawFileTest : public ::testing::Test {
 protected:
  RawFileTest() : path_(::testing::TempDir() + "/disk.raw") { std::filesystem::remove(path_); }
  ~RawFileTest() override { std::filesystem::remove(path_); }

  void Create(const std::string& contents) {
    ASSERT_THAT(WriteFileAtomically(path_, contents), IsOk());
  }
  std::string Contents() { return ReadFile(path_).value_or("unreadable"); }

  const std::string path_;
};

TEST_F(RawFileTest, ReadsAndWritesScattered) {
  Create(std::string(512, 'a') + std::string(512, 'b') + std::string(512, 'c'));
  auto disk = RawFile::Open(path_, /*read_only=*/false);
  ASSERT_THAT(disk, IsOk());
  EXPECT_EQ((*disk)->bytes(), 1536);
  std::string one(100, '.');
  std::string two(924, '.');
  iovec buffers[] = {{one.data(), one.size()}, {two.data(), two.size()}};
  ASSERT_THAT((*disk)->Read(512, buffers), IsOk());
  EXPECT_EQ(one + two, std::string(512, 'b') + std::string(512, 'c'));

  one.assign(100, '1');
  two.assign(924, '2');
  iovec from[] = {{one.data(), one.size()}, {two.data(), two.size()}};
  ASSERT_THAT((*disk)->Write(0, from), IsOk());
  ASSERT_THAT((*disk)->Flush(), IsOk());
  EXPECT_EQ(Contents(), std::string(100, '1') + std::string(924, '2') + std::string(512, 'c'));
}

TEST_F(RawFileTest, ReadsWhatIsCachedOrSaysSo) {
  Create(std::string(512, 'a') + std::string(512, 'b'));
  auto disk = RawFile::Open(path_, /*read_only=*/true);
  ASSERT_THAT(disk, IsOk());
  std::string out(512, '.');
  const iovec buffer = {out.data(), out.size()};
  // A file system may not know how; when it does, the bytes are right.
  if ((*disk)->ReadCached(512, {&buffer, 1})) {
    EXPECT_EQ(out, std::string(512, 'b'));
  }
  EXPECT_FALSE((*disk)->ReadCached(1024, {&buffer, 1}));
}

TEST_F(RawFileTest, WritesToTheCacheOrSaysSo) {
  Create(std::string(512, 'a') + std::string(512, 'b'));
  std::string data(512, 'c');
  iovec buffer = {data.data(), data.size()};
  {
    auto disk = RawFile::Open(path_, /*read_only=*/true);
    ASSERT_THAT(disk, IsOk());
    EXPECT_FALSE((*disk)->WriteCached(512, {&buffer, 1})) << "the file is not open for writing";
  }
  EXPECT_EQ(Contents(), std::string(512, 'a') + std::string(512, 'b'));
  auto disk = RawFile::Open(path_, /*read_only=*/false);
  ASSERT_THAT(disk, IsOk());
  if (!(*disk)->WriteCached(512, {&buffer, 1})) {
    ASSERT_THAT((*disk)->Write(512, {&buffer, 1}), IsOk());
  }
  EXPECT_EQ(Contents(), std::string(512, 'a') + std::string(512, 'c'));
}

// All of such a file is in memory: no worker is ever needed for it.
TEST(RawFileInTmpfsTest, IsAlwaysCached) {
  const std::string path = "/dev/shm/raw_file_test." + std::to_string(::getpid());
  ASSERT_THAT(WriteFileAtomically(path, std::string(8192, 'a')), IsOk());
  auto disk = RawFile::Open(path, /*read_only=*/false);
  ASSERT_EQ(::unlink(path.c_str()), 0);
  ASSERT_THAT(disk, IsOk());
  std::string data(4096, 'b');
  const iovec from = {data.data(), data.size()};
  EXPECT_TRUE((*disk)->WriteCached(4096, {&from, 1}));
  std::string out(8192, '.');
  const iovec to = {out.data(), out.size()};
  EXPECT_TRUE((*disk)->ReadCached(0, {&to, 1}));
  EXPECT_EQ(out, std::string(4096, 'a') + std::string(4096, 'b'));
  EXPECT_FALSE((*disk)->ReadCached(4096, {&to, 1})) << "beyond the end";
}

TEST_F(RawFileTest, ZeroesRanges) {
  for (const bool unmap : {false, true}) {
    Create(std::string(200 << 10, 'x'));
    auto disk = RawFile::Open(path_, /*read_only=*/false);
    ASSERT_THAT(disk, IsOk());
    ASSERT_THAT((*disk)->WriteZeroes(512, 150 << 10, unmap), IsOk());
    const std::string contents = Contents();
    EXPECT_EQ(contents.size(), 200 << 10);
    EXPECT_EQ(contents.find('\0'), 512);
    EXPECT_EQ(contents.find('x', 512), 512 + (150 << 10));
  }
}

TEST_F(RawFileTest, DiscardKeepsSizeAndNeighbours) {
  Create(std::string(64 << 10, 'x'));
  auto disk = RawFile::Open(path_, /*read_only=*/false);
  ASSERT_THAT(disk, IsOk());
  ASSERT_THAT((*disk)->Discard(4096, 8192), IsOk());
  const std::string contents = Contents();
  EXPECT_EQ(contents.substr(0, 4096), std::string(4096, 'x'));
  EXPECT_EQ(contents.substr(12288), std::string((64 << 10) - 12288, 'x'));
}

TEST_F(RawFileTest, HandlesMoreThanFourGigabytes) {
  constexpr uint64_t kBytes = uint64_t{6} << 30;
  Create("");
  ASSERT_EQ(::truncate(path_.c_str(), kBytes), 0);
  auto disk = RawFile::Open(path_, /*read_only=*/false);
  ASSERT_THAT(disk, IsOk());
  EXPECT_EQ((*disk)->bytes(), kBytes);
  std::string last(512, 'z');
  iovec buffer = {last.data(), last.size()};
  ASSERT_THAT((*disk)->Write(kBytes - 512, {&buffer, 1}), IsOk());
  std::string out(512, '.');
  buffer = {out.data(), out.size()};
  ASSERT_THAT((*disk)->Read(kBytes - 512, {&buffer, 1}), IsOk());
  EXPECT_EQ(out, last);
}

TEST_F(RawFileTest, ReportsAFileThatShrank) {
  Create(std::string(1024, 'x'));
  auto disk = RawFile::Open(path_, /*read_only=*/true);
  ASSERT_THAT(disk, IsOk());
  ASSERT_EQ(::truncate(path_.c_str(), 700), 0);
  std::string out(512, '.');
  iovec buffer = {out.data(), out.size()};
  EXPECT_THAT((*disk)->Read(512, {&buffer, 1}),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("file ends")));
}

TEST_F(RawFileTest, RefusesWhatIsNoDisk) {
  EXPECT_THAT(RawFile::Open(path_, true),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("disk.raw")));
  EXPECT_THAT(RawFile::Open("/", true),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("neither a regular file")));
  EXPECT_THAT(RawFile::Open("/dev/null", true), StatusIs(absl::StatusCode::kInvalidArgument, _));
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  EXPECT_THAT(RawFile::Open(path_, true),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("neither a regular file")));
}

TEST_F(RawFileTest, RefusesOddSizes) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{511}, size_t{1000}}) {
    Create(std::string(size, 'x'));
    EXPECT_THAT(RawFile::Open(path_, true),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr(absl::StrCat("size of ", size, " bytes"))));
  }
}

TEST_F(RawFileTest, OneWriterOrManyReaders) {
  Create(std::string(512, 'x'));
  {
    const auto writer = RawFile::Open(path_, false);
    ASSERT_THAT(writer, IsOk());
    EXPECT_THAT(RawFile::Open(path_, false),
                StatusIs(absl::StatusCode::kFailedPrecondition,
                         AllOf(HasSubstr("in use"), HasSubstr("read-only to share"))));
    EXPECT_THAT(RawFile::Open(path_, true),
                StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("writes to it")));
  }
  const auto reader = RawFile::Open(path_, true);
  ASSERT_THAT(reader, IsOk());
  EXPECT_THAT(RawFile::Open(path_, true), IsOk());
  EXPECT_THAT(RawFile::Open(path_, false), StatusIs(absl::StatusCode::kFailedPrecondition, _));
}

}  // namespace
}  // namespace voidbox

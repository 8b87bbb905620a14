#include "sandbox/local_tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "base/io.h"
#include "base/status_matchers.h"
#include "base/unique_fd.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;

absl::Status NoProgress(uint64_t) { return absl::OkStatus(); }

class LocalTarTest : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = ::testing::TempDir() + "/local_tar_test";
    std::filesystem::remove_all(root_);
    std::filesystem::create_directories(root_ + "/in/sub");
    std::filesystem::create_directories(root_ + "/out");
    stream_.Reset(::open((root_ + "/stream").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    ASSERT_TRUE(stream_);
  }
  void Rewind() { ASSERT_EQ(::lseek(stream_.get(), 0, SEEK_SET), 0); }
  // One entry that nobody honest sends.
  void WriteEntry(const std::string& name, mode_t type, const std::string& link = "") {
    archive* const out = archive_write_new();
    archive_write_set_format_pax_restricted(out);
    ASSERT_EQ(archive_write_open_fd(out, stream_.get()), ARCHIVE_OK);
    archive_entry* const entry = archive_entry_new();
    archive_entry_set_pathname(entry, name.c_str());
    archive_entry_set_filetype(entry, type);
    archive_entry_set_perm(entry, 0644);
    if (type == AE_IFLNK) archive_entry_set_symlink(entry, link.c_str());
    if (type == AE_IFREG && !link.empty()) archive_entry_set_hardlink(entry, link.c_str());
    if (type == AE_IFREG && link.empty()) archive_entry_set_size(entry, 1);
    ASSERT_EQ(archive_write_header(out, entry), ARCHIVE_OK);
    if (type == AE_IFREG && link.empty()) archive_write_data(out, "x", 1);
    archive_entry_free(entry);
    ASSERT_EQ(archive_write_close(out), ARCHIVE_OK);
    archive_write_free(out);
    Rewind();
  }
  absl::StatusOr<TarCounts> Unpack(const std::string& rename = "") {
    return UnpackTar(stream_.get(), root_ + "/out", rename, NoProgress);
  }
  std::string root_;
  UniqueFd stream_;
};

TEST_F(LocalTarTest, ATreeComesOutAsItWas) {
  ASSERT_THAT(WriteFileAtomically(root_ + "/in/a", std::string(300'000, 'a'), 0640), IsOk());
  ASSERT_THAT(WriteFileAtomically(root_ + "/in/sub/b", "b", 0755), IsOk());
  ASSERT_EQ(::symlink("a", (root_ + "/in/link").c_str()), 0);
  ASSERT_EQ(::mkfifo((root_ + "/in/pipe").c_str(), 0600), 0);
  EXPECT_EQ(*MeasureTree(root_ + "/in"), 300'001u);
  uint64_t told = 0;
  const auto packed = PackTar(root_ + "/in", "tree", stream_.get(), [&](uint64_t bytes) {
    told += bytes;
    return absl::OkStatus();
  });
  ASSERT_THAT(packed, IsOk());
  EXPECT_EQ(packed->files, 2u);
  EXPECT_EQ(packed->bytes, 300'001u);
  EXPECT_EQ(packed->left_out, 2u);
  EXPECT_EQ(told, 300'001u);
  Rewind();
  const auto unpacked = Unpack();
  ASSERT_THAT(unpacked, IsOk());
  EXPECT_EQ(unpacked->files, 2u);
  EXPECT_EQ(*ReadFile(root_ + "/out/tree/a"), std::string(300'000, 'a'));
  EXPECT_EQ(*ReadFile(root_ + "/out/tree/sub/b"), "b");
  struct stat info;
  ASSERT_EQ(::stat((root_ + "/out/tree/sub/b").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0755u);
  EXPECT_FALSE(std::filesystem::exists(root_ + "/out/tree/link"));
}

TEST_F(LocalTarTest, AFileIsRenamed) {
  ASSERT_THAT(WriteFileAtomically(root_ + "/in/a", "text"), IsOk());
  ASSERT_THAT(PackTar(root_ + "/in/a", "a", stream_.get(), NoProgress), IsOk());
  Rewind();
  ASSERT_THAT(Unpack("new"), IsOk());
  EXPECT_EQ(*ReadFile(root_ + "/out/new"), "text");
}

TEST_F(LocalTarTest, WhatIsNotThereIsSaid) {
  EXPECT_THAT(PackTar(root_ + "/none", "x", stream_.get(), NoProgress).status(),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/none")));
}

TEST_F(LocalTarTest, NamesThatLeaveTheDirectoryAreRefused) {
  for (const char* name : {"../x", "a/../../x", "/x"}) {
    ASSERT_EQ(::ftruncate(stream_.get(), 0), 0);
    Rewind();
    WriteEntry(name, AE_IFREG);
    EXPECT_THAT(Unpack().status(),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("tar entry")))
        << name;
  }
  EXPECT_FALSE(std::filesystem::exists(root_ + "/x"));
}

TEST_F(LocalTarTest, LinksAndDevicesAreRefused) {
  WriteEntry("link", AE_IFLNK, "/etc/passwd");
  EXPECT_THAT(Unpack().status(), StatusIs(absl::StatusCode::kInvalidArgument,
                                          HasSubstr("neither file nor directory")));
  ASSERT_EQ(::ftruncate(stream_.get(), 0), 0);
  Rewind();
  WriteEntry("hard", AE_IFREG, "/etc/passwd");
  EXPECT_THAT(Unpack().status(), StatusIs(absl::StatusCode::kInvalidArgument,
                                          HasSubstr("neither file nor directory")));
  ASSERT_EQ(::ftruncate(stream_.get(), 0), 0);
  Rewind();
  WriteEntry("device", AE_IFCHR);
  EXPECT_THAT(Unpack().status(), StatusIs(absl::StatusCode::kInvalidArgument,
                                          HasSubstr("neither file nor directory")));
}

TEST_F(LocalTarTest, NoLinkThatIsThereIsFollowed) {
  std::filesystem::create_directories(root_ + "/elsewhere");
  ASSERT_EQ(::symlink((root_ + "/elsewhere").c_str(), (root_ + "/out/d").c_str()), 0);
  WriteEntry("d/x", AE_IFREG);
  EXPECT_THAT(Unpack().status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no directory")));
  EXPECT_FALSE(std::filesystem::exists(root_ + "/elsewhere/x"));
  // One in the file's own place is replaced.
  ASSERT_THAT(WriteFileAtomically(root_ + "/target", "kept"), IsOk());
  ASSERT_EQ(::symlink((root_ + "/target").c_str(), (root_ + "/out/f").c_str()), 0);
  ASSERT_EQ(::ftruncate(stream_.get(), 0), 0);
  Rewind();
  WriteEntry("f", AE_IFREG);
  ASSERT_THAT(Unpack(), IsOk());
  EXPECT_EQ(*ReadFile(root_ + "/target"), "kept");
  EXPECT_EQ(*ReadFile(root_ + "/out/f"), "x");
}

TEST_F(LocalTarTest, ATruncatedOrForeignStreamIsRefused) {
  ASSERT_THAT(WriteFileAtomically(root_ + "/in/a", std::string(100'000, 'a')), IsOk());
  ASSERT_THAT(PackTar(root_ + "/in/a", "a", stream_.get(), NoProgress), IsOk());
  ASSERT_EQ(::ftruncate(stream_.get(), 50'000), 0);
  Rewind();
  EXPECT_FALSE(Unpack().ok());
  ASSERT_EQ(::ftruncate(stream_.get(), 0), 0);
  Rewind();
  ASSERT_THAT(WriteAll(stream_.get(), std::string(5000, '\xff')), IsOk());
  Rewind();
  EXPECT_FALSE(Unpack().ok());
}

}  // namespace
}  // namespace voidbox

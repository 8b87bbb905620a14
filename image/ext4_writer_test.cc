#include "image/ext4_writer.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/io.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// What a command writes, to standard error too.
std::string Output(const std::string& command, int* exit_code = nullptr) {
  std::FILE* const pipe = ::popen((command + " 2>&1").c_str(), "r");
  std::string output;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) {
    output.push_back(static_cast<char>(c));
  }
  const int status = ::pclose(pipe);
  if (exit_code != nullptr) *exit_code = WEXITSTATUS(status);
  return output;
}

class Ext4WriterTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(Output("mkdir -p " + directory_), ""); }
  void TearDown() override { Output("rm -r " + directory_); }

  FileContents Contents(FileTree& tree, absl::string_view data) {
    return tree.spool().Add(data).value();
  }
  Ext4Summary Write(const FileTree& tree, const Ext4Options& options = {}) {
    const absl::StatusOr<Ext4Summary> summary = WriteExt4(tree, image_, options);
    EXPECT_THAT(summary, IsOk());
    ExpectClean();
    return summary.ok() ? *summary : Ext4Summary();
  }
  void ExpectClean() {
    int exit_code = -1;
    const std::string output = Output("/sbin/e2fsck -fn " + image_, &exit_code);
    EXPECT_EQ(exit_code, 0) << output;
    EXPECT_THAT(output, Not(HasSubstr("?"))) << output;  // of "Fix? no"
  }
  std::string Debugfs(const std::string& request) {
    return Output("/sbin/debugfs -R '" + request + "' " + image_ + " 2>/dev/null; true");
  }
  std::string Super() { return Output("/sbin/dumpe2fs " + image_); }

  const std::string directory_ = absl::StrCat(::testing::TempDir(), "/ext4-", ::getpid());
  const std::string image_ = directory_ + "/image";
  FileTree tree_ = FileTree::Create().value();
};

TEST_F(Ext4WriterTest, AnEmptyTreeIsAFileSystemWithRoom) {
  const Ext4Summary summary = Write(tree_, {.free_bytes = 10 << 20, .label = "voidbox"});
  EXPECT_GE(summary.free_bytes, 10u << 20);
  EXPECT_LT(summary.bytes, 32u << 20);
  EXPECT_EQ(summary.inodes, 11u);
  const std::string super = Super();
  EXPECT_THAT(super, HasSubstr("Filesystem volume name:   voidbox\n"));
  EXPECT_THAT(super, HasSubstr("has_journal ext_attr resize_inode dir_index filetype extent 64bit "
                               "flex_bg sparse_super large_file huge_file dir_nlink extra_isize "
                               "metadata_csum\n"));
  EXPECT_THAT(super, HasSubstr("Filesystem state:         clean"));
  EXPECT_THAT(super, HasSubstr("Last mounted on:          <not available>"));
  EXPECT_THAT(Debugfs("stat /lost+found"), HasSubstr("Type: directory    Mode:  0700"));
}

TEST_F(Ext4WriterTest, WritesEveryKindOfFileWithItsOwnerModeAndTime) {
  const FileMetadata metadata = {
      .permissions = 04751, .uid = 100'000, .gid = 70'000, .mtime = 1000};
  ASSERT_THAT(tree_.AddDirectory("/", {.permissions = 0711}), IsOk());
  ASSERT_THAT(tree_.AddDirectory("d", {.permissions = 01777}), IsOk());
  ASSERT_THAT(tree_.AddFile("d/f", metadata, Contents(tree_, "hello\n")), IsOk());
  ASSERT_THAT(tree_.AddHardLink("hard", "d/f"), IsOk());
  ASSERT_THAT(tree_.AddSymlink("fast", {}, std::string(59, 't')), IsOk());
  ASSERT_THAT(tree_.AddSymlink("slow", {}, std::string(4095, 's')), IsOk());
  ASSERT_THAT(tree_.AddSpecial("null", {}, FileType::kCharacterDevice, 1, 3), IsOk());
  ASSERT_THAT(tree_.AddSpecial("big", {}, FileType::kBlockDevice, 259, 70'000), IsOk());
  ASSERT_THAT(tree_.AddSpecial("fifo", {}, FileType::kFifo, 0, 0), IsOk());
  Write(tree_, {.source_date_epoch = 2000});
  const std::string file = Debugfs("stat d/f");
  EXPECT_THAT(file, HasSubstr("Type: regular    Mode:  04751"));
  EXPECT_THAT(file, HasSubstr("User: 100000   Group: 70000"));
  EXPECT_THAT(file, HasSubstr("Links: 2"));
  EXPECT_THAT(file, HasSubstr("mtime: 0x000003e8:00000000"));
  EXPECT_THAT(file, HasSubstr("crtime: 0x000003e8:00000000"));
  EXPECT_EQ(Debugfs("cat hard"), "hello\n");
  EXPECT_THAT(Debugfs("stat /"), HasSubstr("Mode:  0711"));
  EXPECT_THAT(Debugfs("stat d"), HasSubstr("Mode:  01777"));
  EXPECT_THAT(Debugfs("stat fast"), HasSubstr("Fast link dest: \"" + std::string(59, 't') + "\""));
  EXPECT_EQ(Debugfs("cat slow"), std::string(4095, 's'));
  EXPECT_THAT(Debugfs("stat null"), HasSubstr("Device major/minor number: 01:03"));
  EXPECT_THAT(Debugfs("stat big"), HasSubstr("Device major/minor number: 259:70000"));
  EXPECT_THAT(Debugfs("stat fifo"), HasSubstr("Type: FIFO"));
}

TEST_F(Ext4WriterTest, WritesCapabilitiesAndOtherAttributes) {
  const std::string capability(
      "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00"
      "\x00\x00\x00\x00\x00\x00\x00\x00",
      20);
  ASSERT_THAT(tree_.AddFile("small", {.xattrs = {{"security.capability", capability}}},
                            Contents(tree_, "x")),
              IsOk());
  ASSERT_THAT(
      tree_.AddFile("big", {.xattrs = {{"user.a", std::string(3000, 'a')}, {"user.b", "b"}}},
                    Contents(tree_, "x")),
      IsOk());
  Write(tree_);
  EXPECT_THAT(Debugfs("ea_list small"), HasSubstr("security.capability (20)"));
  EXPECT_THAT(Debugfs("ea_get -x small security.capability"),
              HasSubstr("01 00 00 02 00 04 00 00 00 00"));
  EXPECT_THAT(Debugfs("ea_list big"), HasSubstr("user.a (3000)"));
  EXPECT_THAT(Debugfs("ea_list big"), HasSubstr("user.b (1)"));
}

TEST_F(Ext4WriterTest, AttributesThatFitIntoNoBlockHaveInodesOfTheirOwn) {
  const std::map<std::string, std::string> large = {
      {"user.a", std::string(5000, 'a')}, {"user.b", std::string(65536, 'b')}, {"user.c", "c"}};
  const std::map<std::string, std::string> together = {{"user.d", std::string(3000, 'd')},
                                                       {"user.e", std::string(3000, 'e')}};
  ASSERT_THAT(tree_.AddFile("f", {.xattrs = large}, Contents(tree_, "x")), IsOk());
  ASSERT_THAT(tree_.AddFile("g", {.xattrs = together}, Contents(tree_, "x")), IsOk());
  ASSERT_THAT(tree_.AddFile("h", {}, Contents(tree_, "behind")), IsOk());
  const Ext4Summary summary = Write(tree_, {.free_bytes = 1 << 20});
  EXPECT_GE(summary.free_bytes, 1u << 20);
  EXPECT_THAT(Super(), HasSubstr("ea_inode"));
  EXPECT_THAT(Debugfs("ea_list f"), AllOf(HasSubstr("user.a (5000)"), HasSubstr("user.b (65536)"),
                                          HasSubstr("user.c (1) = \"c\"")));
  EXPECT_THAT(Debugfs("ea_get -f /dev/stdout f user.b"), HasSubstr(std::string(65536, 'b')));
  EXPECT_THAT(Debugfs("ea_list g"), AllOf(HasSubstr("user.d (3000)"), HasSubstr("user.e (3000)")));
  EXPECT_EQ(Debugfs("cat h"), "behind");
  const std::string first = ReadFile(image_, 64 << 20).value();
  Write(tree_, {.free_bytes = 1 << 20});
  EXPECT_TRUE(ReadFile(image_, 64 << 20).value() == first);
}

TEST_F(Ext4WriterTest, ManyLargeAttributesHaveRoom) {
  for (int i = 0; i < 2000; ++i) {
    ASSERT_THAT(
        tree_.AddFile(absl::StrCat("f", i), {.xattrs = {{"user.a", std::string(4500, 'a')}}}, {}),
        IsOk());
  }
  EXPECT_GE(Write(tree_, {.free_bytes = 0}).inodes, 4000u);
}

TEST_F(Ext4WriterTest, NamesTheFileWhoseAttributesCannotBeNamed) {
  std::map<std::string, std::string> xattrs;
  for (int i = 0; i < 100; ++i) {
    xattrs.emplace(absl::StrCat("user.", std::string(200, 'n'), i), "");
  }
  ASSERT_THAT(tree_.AddFile("f", {.xattrs = xattrs}, Contents(tree_, "x")), IsOk());
  EXPECT_THAT(WriteExt4(tree_, image_, {}), StatusIs(absl::StatusCode::kResourceExhausted,
                                                     HasSubstr("'/f': extended attribute user.")));
  EXPECT_THAT(Output("ls " + directory_), IsEmpty());
}

TEST_F(Ext4WriterTest, KeepsTimesThatExt4CanTellAndTheNextOnesOfOthers) {
  const std::vector<std::pair<int64_t, std::string>> times = {
      {-1, "0xffffffff:00000000"},
      {-(int64_t{1} << 31), "0x80000000:00000000"},
      {-(int64_t{1} << 40), "0x80000000:00000000"},
      {int64_t{1} << 32, "0x00000000:00000001"},
      {int64_t{4102444800}, "0xf4865700:00000001"},  // 2100-01-01
      {int64_t{1} << 40, "0x7fffffff:00000003"}};
  for (size_t i = 0; i < times.size(); ++i) {
    ASSERT_THAT(tree_.AddFile(absl::StrCat("f", i), {.mtime = times[i].first}, {}), IsOk());
  }
  Write(tree_, {.source_date_epoch = 1000});
  for (size_t i = 0; i < times.size(); ++i) {
    EXPECT_THAT(Debugfs(absl::StrCat("stat f", i)), HasSubstr("mtime: " + times[i].second))
        << times[i].first;
  }
}

TEST_F(Ext4WriterTest, WritesPosixAclsAsLinuxReadsThem) {
  // user::rw-, user:1000:r--, group::r--, mask::r--, other::---
  const std::string acl(
      "\x02\0\0\0\x01\0\x06\0\xff\xff\xff\xff\x02\0\x04\0\xe8\x03\0\0\x04\0\x04\0\xff\xff\xff\xff"
      "\x10\0\x04\0\xff\xff\xff\xff\x20\0\0\0\xff\xff\xff\xff",
      44);
  ASSERT_THAT(tree_.AddFile("f", {.xattrs = {{"system.posix_acl_access", acl}}}, {}), IsOk());
  Write(tree_);
  // On disk it is shorter (struct ext4_acl_entry_short).
  EXPECT_THAT(Debugfs("ea_list f"), HasSubstr("system.posix_acl_access"));
}

TEST_F(Ext4WriterTest, KeepsHolesAndLeavesZeroesOut) {
  ContentSpool::Writer writer(tree_.spool());
  ASSERT_THAT(writer.WriteAt(100'000, "first"), IsOk());
  ASSERT_THAT(writer.WriteAt(200'000'000, "last"), IsOk());
  ASSERT_THAT(tree_.AddFile("sparse", {}, writer.Finish(300'000'000).value()), IsOk());
  ASSERT_THAT(tree_.AddFile("zeroes", {}, Contents(tree_, std::string(8 << 20, '\0'))), IsOk());
  Write(tree_, {.free_bytes = 1 << 20});
  EXPECT_THAT(Debugfs("stat sparse"), HasSubstr("Size: 300000000"));
  EXPECT_THAT(Debugfs("stat sparse"), HasSubstr("Blockcount: 16"));
  ASSERT_EQ(Debugfs(absl::StrCat("dump sparse ", directory_, "/dump")), "");
  const std::string dump = ReadFile(directory_ + "/dump", 300'000'000).value();
  EXPECT_EQ(dump.size(), 300'000'000u);
  EXPECT_EQ(dump.substr(99'999, 7), std::string("\0first\0", 7));
  EXPECT_EQ(dump.substr(199'999'999, 6), std::string("\0last\0", 6));
  struct stat status = {};
  ASSERT_EQ(::stat(image_.c_str(), &status), 0);
  EXPECT_LT(status.st_blocks * 512, 1 << 20);
}

TEST_F(Ext4WriterTest, WritesManyFilesLargeFilesAndFilesWithManyHoles) {
  for (int i = 0; i < 3000; ++i) {
    const std::string path = absl::StrCat("many/a name of some length ", i);
    ASSERT_THAT(tree_.AddFile(path, {}, Contents(tree_, path)), IsOk());
  }
  std::string data;
  for (int i = 0; data.size() < (200 << 20); ++i) {
    data += absl::StrCat(i, std::string(100'000, static_cast<char>('a' + i % 26)), "\n");
  }
  ASSERT_THAT(tree_.AddFile("large", {}, Contents(tree_, data)), IsOk());
  ContentSpool::Writer writer(tree_.spool());
  for (uint64_t i = 0; i < 2000; ++i) ASSERT_THAT(writer.WriteAt(i * 8192, "x"), IsOk());
  ASSERT_THAT(tree_.AddFile("holes", {}, writer.Finish().value()), IsOk());
  const Ext4Summary summary = Write(tree_, {.free_bytes = 5 << 20});
  EXPECT_GE(summary.free_bytes, 5u << 20);
  EXPECT_LT(summary.free_bytes, 10u << 20);
  ASSERT_EQ(Debugfs(absl::StrCat("dump large ", directory_, "/dump")), "");
  EXPECT_TRUE(ReadFile(directory_ + "/dump", size_t{1} << 30).value() == data);
  EXPECT_EQ(Debugfs("cat \"many/a name of some length 2999\""), "many/a name of some length 2999");
}

TEST_F(Ext4WriterTest, DirectoriesWithTooManyLinksHaveOne) {
  for (int i = 0; i < 65'001; ++i) {
    ASSERT_THAT(tree_.AddDirectory(absl::StrCat("d/", i), {}), IsOk());
  }
  Write(tree_);
  EXPECT_THAT(Debugfs("stat d"), HasSubstr("Links: 1 "));
}

TEST_F(Ext4WriterTest, RefusesAFileWithTooManyLinks) {
  ASSERT_THAT(tree_.AddFile("f", {}, Contents(tree_, "x")), IsOk());
  for (int i = 0; i < 65'000; ++i) {
    ASSERT_THAT(tree_.AddHardLink(absl::StrCat("d/", i), "f"), IsOk());
  }
  EXPECT_THAT(WriteExt4(tree_, image_, {}),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       "ext4: '/f' has 65001 hard links, more than the limit of 65000"));
}

TEST_F(Ext4WriterTest, KeepsALostAndFoundOfTheTree) {
  ASSERT_THAT(tree_.AddFile("lost+found/#12", {}, Contents(tree_, "found\n")), IsOk());
  Write(tree_);
  EXPECT_EQ(Debugfs("cat lost+found/#12"), "found\n");
}

TEST_F(Ext4WriterTest, TheFileSystemsOwnTimeIsTheEpochWhateverItsFilesAre) {
  ASSERT_THAT(tree_.AddDirectory("new", {.mtime = 1'700'000'000}), IsOk());
  Write(tree_, {.source_date_epoch = 1'600'000'000});
  EXPECT_THAT(Debugfs("stat new"), HasSubstr("mtime: 0x6553f100:00000000"));
  EXPECT_THAT(Super(), HasSubstr("Filesystem created:       Sun Sep 13"));
  ASSERT_THAT(WriteExt4(tree_, image_, {.source_date_epoch = 6'000'000'000}), IsOk());
}

// mke2fs leaves this to a thread of the kernel that runs for minutes after the first mount.
TEST_F(Ext4WriterTest, TheKernelHasNothingToInitialize) {
  Write(tree_, {.free_bytes = uint64_t{3} << 30});
  const std::string super = Super();
  size_t groups = 0;
  for (size_t at = super.find("\nGroup "); at != std::string::npos;
       at = super.find("\nGroup ", at + 1)) {
    if (super[at + 7] < '0' || super[at + 7] > '9') continue;
    ++groups;
    EXPECT_THAT(super.substr(at, super.find('\n', at + 1) - at), HasSubstr("ITABLE_ZEROED"));
  }
  EXPECT_GT(groups, 20u);
  struct stat status = {};
  ASSERT_EQ(::stat(image_.c_str(), &status), 0);
  EXPECT_GT(status.st_size, int64_t{3} << 30);
  EXPECT_LT(status.st_blocks * 512, 4 << 20);
}

TEST_F(Ext4WriterTest, TheSameTreeGivesTheSameBytes) {
  const std::vector<std::string> paths = {"a/x", "b", "a/y", "c/d/e"};
  FileTree other = FileTree::Create().value();
  for (const std::string& path : paths) {
    ASSERT_THAT(
        tree_.AddFile(path, {.xattrs = {{"user.p", path}, {"user.q", ""}}}, Contents(tree_, path)),
        IsOk());
  }
  for (auto path = paths.rbegin(); path != paths.rend(); ++path) {
    ASSERT_THAT(other.AddFile(*path, {.xattrs = {{"user.q", ""}, {"user.p", *path}}},
                              Contents(other, *path)),
                IsOk());
  }
  const Ext4Options options = {.free_bytes = 1 << 20, .source_date_epoch = 0};
  ASSERT_THAT(WriteExt4(tree_, image_, options), IsOk());
  const std::string elsewhere = directory_ + "/elsewhere";
  ::umask(077);
  ::setenv("TZ", "Asia/Tokyo", 1);
  ::setenv("HOME", "/nonexistent", 1);
  ASSERT_THAT(WriteExt4(other, elsewhere, options), IsOk());
  EXPECT_EQ(Output("cmp " + image_ + " " + elsewhere), "");
  ASSERT_THAT(other.AddDirectory("b2", {}), IsOk());
  ASSERT_THAT(WriteExt4(other, elsewhere, options), IsOk());
  EXPECT_NE(Output("cmp " + image_ + " " + elsewhere), "");
}

TEST_F(Ext4WriterTest, TakesTheUuidGivenAndMakesOneOfTheTree) {
  const Ext4Summary derived = Write(tree_);
  EXPECT_NE(derived.uuid, (std::array<uint8_t, 16>{}));
  Write(tree_,
        {.uuid = {{0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 1, 2, 3, 4, 5, 6, 7, 8}}});
  EXPECT_THAT(Super(), HasSubstr("Filesystem UUID:          01234567-89ab-cdef-0102-030405060708"));
}

TEST_F(Ext4WriterTest, ReportsProgress) {
  ASSERT_THAT(tree_.AddFile("f", {}, Contents(tree_, std::string(3 << 20, 'x'))), IsOk());
  std::vector<uint64_t> reports;
  Write(tree_, {.progress = [&](uint64_t done, uint64_t total) {
          EXPECT_EQ(total, 3u << 20);
          reports.push_back(done);
        }});
  EXPECT_EQ(reports, (std::vector<uint64_t>{1 << 20, 2 << 20, 3 << 20}));
}

TEST_F(Ext4WriterTest, RefusesALongLabelAndAnUnusablePath) {
  EXPECT_THAT(
      WriteExt4(tree_, image_, {.label = "seventeen letters"}),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("has 17 bytes, more than 16")));
  EXPECT_THAT(WriteExt4(tree_, "/nonexistent/image", {}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/nonexistent/image")));
}

}  // namespace
}  // namespace voidbox

#include "image/ext4_features.h"

#include <ext2fs/ext2_fs.h>

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// A file system of mke2fs with these flags.
absl::StatusOr<Ext4Superblock> Made(const std::string& flags,
                                    Ext4Kernel kernel = Ext4Kernel::kOwn) {
  const std::string path = ::testing::TempDir() + "/made.ext4";
  const std::string command = absl::StrCat("rm -f ", path, "; /sbin/mke2fs -q -F -t ext4 ", flags,
                                           " ", path, " 64M >/dev/null 2>&1");
  EXPECT_EQ(std::system(command.c_str()), 0) << command;
  return ReadExt4Superblock(path, kernel);
}

TEST(Ext4FeaturesTest, TakesWhatTheGuestKernelMountsWritable) {
  for (const char* flags : {"",
                            "-b 1024",
                            "-b 2048",
                            "-O encrypt",
                            "-O mmp",
                            "-O encrypt,mmp -b 1024",
                            "-O verity -b 4096",
                            "-O bigalloc -b 1024",
                            "-O bigalloc -b 1024 -C 65536",
                            "-O bigalloc -b 4096",
                            "-O inline_data,ea_inode,large_dir",
                            "-O meta_bg,^resize_inode",
                            "-O ^64bit",
                            "-O ^has_journal",
                            "-O ^extents,^64bit",
                            "-O sparse_super2",
                            "-O ^metadata_csum",
                            "-O metadata_csum_seed",
                            "-O stable_inodes,fast_commit,orphan_file",
                            "-O ^flex_bg",
                            "-O ^sparse_super,^resize_inode"}) {
    EXPECT_THAT(Made(flags), IsOk()) << flags;
    EXPECT_THAT(Made(flags, Ext4Kernel::kOther), IsOk()) << flags;
  }
}

TEST(Ext4FeaturesTest, NamesWhatTheGuestKernelDoesNotMount) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"-O quota", "the feature quota;"},
      {"-O project", "project"},
      {"-O casefold", "the feature casefold;"},
      {"-O casefold,quota",
       "the features casefold, quota; make it without (mke2fs -O "
       "^casefold,^quota)"},
      {"-O verity -b 1024", "the feature verity and blocks of 1024 bytes"},
      {"-O verity -b 2048", "the feature verity and blocks of 2048 bytes"},
  };
  for (const auto& [flags, message] : cases) {
    EXPECT_THAT(Made(flags), StatusIs(absl::StatusCode::kInvalidArgument,
                                      AllOf(HasSubstr("ext4: "), HasSubstr(message))));
    // A distribution's kernel may.
    EXPECT_THAT(Made(flags, Ext4Kernel::kOther), IsOk()) << flags;
  }
}

TEST(Ext4FeaturesTest, NamesWhatNoKernelMounts) {
  const auto with = [](const auto& change) {
    Ext4Superblock super = {.block_bytes = 4096, .incompat = EXT3_FEATURE_INCOMPAT_EXTENTS};
    change(super);
    const absl::Status other = CheckExt4Mountable(super, Ext4Kernel::kOther);
    EXPECT_EQ(CheckExt4Mountable(super, Ext4Kernel::kOwn), other);
    EXPECT_EQ(other.code(), absl::StatusCode::kInvalidArgument);
    return std::string(other.message());
  };
  EXPECT_THAT(with([](auto& s) { s.incompat |= 0x8; }), HasSubstr("journal_dev"));
  EXPECT_THAT(with([](auto& s) { s.incompat |= 0x1; }), HasSubstr("compression"));
  EXPECT_THAT(with([](auto& s) { s.ro_compat |= 0x1000; }), HasSubstr("read-only"));
  EXPECT_THAT(with([](auto& s) { s.ro_compat |= 0x4000; }), HasSubstr("shared_blocks"));
  EXPECT_THAT(with([](auto& s) { s.incompat |= 0x80000000; }), HasSubstr("incompat 0x80000000"));
  EXPECT_THAT(with([](auto& s) { s.ro_compat |= 0x40000000; }), HasSubstr("ro_compat 0x40000000"));
  EXPECT_THAT(with([](auto& s) { s.incompat = 0, s.ro_compat = 0x200; }),
              HasSubstr("bigalloc without extents"));
  EXPECT_THAT(with([](auto& s) { s.compat = 0x4; }), HasSubstr("journal is on another device"));
}

TEST(Ext4FeaturesTest, SaysWhyItCannotGrow) {
  constexpr uint64_t kLarger = uint64_t{1} << 30;
  for (const char* flags : {"", "-b 1024", "-O bigalloc -b 1024", "-O meta_bg,^resize_inode",
                            "-O ^resize_inode", "-O ^64bit", "-O ^has_journal", "-O mmp"}) {
    EXPECT_THAT(CheckExt4Growable(*Made(flags), kLarger), IsOk()) << flags;
  }
  const Ext4Superblock two = *Made("-O sparse_super2");
  EXPECT_THAT(CheckExt4Growable(two, kLarger),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("67108864 bytes cannot grow to 1073741824"),
                             HasSubstr("sparse_super2"))));
  EXPECT_THAT(CheckExt4Growable(two, 64 << 20), IsOk());  // it is there already
  const Ext4Superblock narrow = *Made("-O ^64bit -b 1024");
  EXPECT_THAT(CheckExt4Growable(narrow, uint64_t{4} << 40), IsOk());
  EXPECT_THAT(CheckExt4Growable(narrow, uint64_t{5} << 40),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("64bit")));
  EXPECT_THAT(CheckExt4Growable(*Made("-N 65536 -b 1024"), uint64_t{8} << 40),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("more inodes")));
  Ext4Superblock damaged = *Made("");
  damaged.has_errors = true;
  EXPECT_THAT(CheckExt4Growable(damaged, kLarger),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("e2fsck")));
}

}  // namespace
}  // namespace voidbox

#include "image/ext4_superblock.h"

#include <ext2fs/ext2_fs.h>
#include <unistd.h>

#include <cstring>
#include <functional>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/io.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "image/ext4_writer.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;

class Ext4SuperblockTest : public ::testing::Test {
 protected:
  void SetUp() override {
    FileTree tree = FileTree::Create().value();
    bytes_ = WriteExt4(tree, path_, {.free_bytes = 1 << 20, .label = "a label"}).value().bytes;
    head_ = ReadFile(path_, 1 << 30).value().substr(0, 2048);
  }
  void TearDown() override { ::unlink(path_.c_str()); }

  // What is said of the superblock after a change.
  absl::StatusOr<Ext4Superblock> With(const std::function<void(ext2_super_block&)>& change) {
    std::string head = head_;
    ext2_super_block super = {};
    std::memcpy(&super, head.data() + 1024, sizeof(super));
    change(super);
    std::memcpy(head.data() + 1024, &super, sizeof(super));
    return ParseExt4Superblock(head, bytes_);
  }
  void ExpectRefusal(const std::function<void(ext2_super_block&)>& change,
                     const std::string& message) {
    EXPECT_THAT(With(change), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message)));
  }

  const std::string path_ = absl::StrCat(::testing::TempDir(), "/superblock-", ::getpid());
  std::string head_;
  uint64_t bytes_ = 0;
};

TEST_F(Ext4SuperblockTest, ReadsWhatOurWriterMade) {
  const Ext4Superblock super = ReadExt4Superblock(path_).value();
  EXPECT_EQ(super.bytes(), bytes_);
  EXPECT_EQ(super.block_bytes, 4096u);
  EXPECT_EQ(super.label, "a label");
  EXPECT_EQ(super.inodes - super.free_inodes, 11u);
  EXPECT_FALSE(super.needs_recovery);
  EXPECT_FALSE(super.has_errors);
}

TEST_F(Ext4SuperblockTest, SaysWhatIsNoExt4) {
  EXPECT_THAT(ParseExt4Superblock(std::string(2048, '\0'), 1 << 20),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "not an ext4 file system: magic 0x0 at byte 1080, expected 0xef53"));
  EXPECT_THAT(ParseExt4Superblock("short", 5),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "not an ext4 file system: 5 bytes are fewer than 2048"));
  EXPECT_THAT(ReadExt4Superblock("/dev/null"),
              StatusIs(absl::StatusCode::kInvalidArgument, "/dev/null: is not a regular file"));
}

TEST_F(Ext4SuperblockTest, RefusesAFileThatIsCutShort) {
  EXPECT_THAT(ParseExt4Superblock(head_, bytes_ - 1),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr(absl::StrCat(bytes_ / 4096,
                                              " blocks of 4096 bytes do not fit into "
                                              "the file's ",
                                              bytes_ - 1, " bytes"))));
}

TEST_F(Ext4SuperblockTest, AJournalToReplayIsFine) {
  const auto super =
      With([](ext2_super_block& s) { s.s_feature_incompat |= EXT3_FEATURE_INCOMPAT_RECOVER; });
  ASSERT_THAT(super, IsOk());
  EXPECT_TRUE(super->needs_recovery);
  EXPECT_TRUE(With([](ext2_super_block& s) { s.s_state |= EXT2_ERROR_FS; }).value().has_errors);
}

TEST_F(Ext4SuperblockTest, RefusesWhatTheGuestCannotMount) {
  ExpectRefusal([](auto& s) { s.s_feature_incompat |= EXT3_FEATURE_INCOMPAT_JOURNAL_DEV; },
                "does not mount it writable with the feature journal_dev");
  ExpectRefusal([](auto& s) { s.s_feature_ro_compat |= EXT4_FEATURE_RO_COMPAT_QUOTA; }, "quota");
  ExpectRefusal([](auto& s) { s.s_rev_level = 2; }, "revision 2");
  ExpectRefusal([](auto& s) { s.s_log_block_size = 6; }, "blocks of 1024 << 6 bytes");
}

TEST_F(Ext4SuperblockTest, RefusesWhatContradictsItself) {
  ExpectRefusal([](auto& s) { s.s_blocks_count_hi = 0xffffffff; }, "do not fit into the file's");
  ExpectRefusal([](auto& s) { s.s_free_blocks_count = s.s_blocks_count + 1; }, "too many");
  ExpectRefusal([](auto& s) { s.s_free_inodes_count = s.s_inodes_count + 1; }, "too many");
  ExpectRefusal([](auto& s) { s.s_blocks_per_group = 0; }, "0 blocks and 32768 clusters a group");
  ExpectRefusal([](auto& s) { s.s_clusters_per_group = 32769; }, "outside 1 to 32768");
  ExpectRefusal([](auto& s) { s.s_blocks_per_group = 49152; }, "49152 blocks and 32768 clusters");
  ExpectRefusal([](auto& s) { s.s_desc_size = 32; }, "group descriptors of 32 bytes");
  ExpectRefusal([](auto& s) { s.s_desc_size = 96; }, "group descriptors of 96 bytes");
  ExpectRefusal([](auto& s) { s.s_inode_size = 100; }, "inodes of 100 bytes");
  ExpectRefusal([](auto& s) { s.s_inode_size = 8192; }, "inodes of 8192 bytes");
  ExpectRefusal([](auto& s) { s.s_inodes_per_group = 1; }, "1 inodes a group");
  ExpectRefusal([](auto& s) { s.s_first_data_block = 1; }, "first data block 1");
  ExpectRefusal([](auto& s) { s.s_blocks_count = 0, s.s_free_blocks_count = 0; }, "of 0 does not");
  ExpectRefusal([](auto& s) { s.s_inodes_count += 1; }, "are not 1 groups of");
}

}  // namespace
}  // namespace voidbox

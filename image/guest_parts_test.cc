#include "image/guest_parts.h"

#include <string>
#include <utility>

#include "base/io.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;

class GuestPartsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto tree = FileTree::Create();
    ASSERT_THAT(tree, IsOk());
    tree_.emplace(*std::move(tree));
    agent_ = ::testing::TempDir() + "/agent";
    ASSERT_THAT(WriteFileAtomically(agent_, "agent"), IsOk());
  }
  void AddFile(const std::string& path, const std::string& text) {
    ASSERT_THAT(tree_->AddFile(path, {.permissions = 0600, .mtime = 7}, *tree_->spool().Add(text)),
                IsOk());
  }
  std::string Text(const std::string& path) {
    const Inode* file = tree_->Resolve(path);
    return file == nullptr ? "none" : *tree_->spool().ReadAll(file->contents, 1 << 20);
  }
  std::optional<FileTree> tree_;
  std::string agent_;
};

TEST_F(GuestPartsTest, MakesAnEmptyTreeBootable) {
  ASSERT_THAT(AddGuestParts(*tree_, agent_), IsOk());
  EXPECT_EQ(Text("sbin/guest-agent"), "agent");
  EXPECT_EQ(tree_->Find("sbin/init"), tree_->Find("sbin/guest-agent"));
  EXPECT_EQ(tree_->Find("sbin/init")->metadata.permissions, 0755u);
  EXPECT_EQ(Text("etc/passwd"),
            "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/home/user:/bin/sh\n");
  EXPECT_EQ(Text("etc/group"), "root:x:0:\nuser:x:1000:\n");
  EXPECT_EQ(tree_->Find("home/user")->metadata.uid, 1000u);
  EXPECT_EQ(tree_->Resolve("workspace"), tree_->Find("home/user"));
}

TEST_F(GuestPartsTest, OpensTheRootToEverybody) {
  ASSERT_THAT(tree_->AddDirectory("/", {.permissions = 01700, .mtime = 7}), IsOk());
  ASSERT_THAT(AddGuestParts(*tree_, agent_), IsOk());
  EXPECT_EQ(tree_->root().metadata.permissions, 01755u);
  EXPECT_EQ(tree_->root().metadata.mtime, 7);
}

TEST_F(GuestPartsTest, ReplacesAnotherInitAndFollowsAMergedUsr) {
  AddFile("usr/lib/systemd/systemd", "systemd");
  ASSERT_THAT(tree_->AddSymlink("sbin", {}, "usr/sbin"), IsOk());
  ASSERT_THAT(tree_->AddSymlink("usr/sbin/init", {}, "../lib/systemd/systemd"), IsOk());
  ASSERT_THAT(AddGuestParts(*tree_, agent_), IsOk());
  EXPECT_EQ(Text("usr/sbin/init"), "agent");
  EXPECT_EQ(Text("usr/lib/systemd/systemd"), "systemd");
}

TEST_F(GuestPartsTest, KeepsTheUserThatIsThere) {
  AddFile("etc/passwd", "root:x:0:0::/:/bin/sh\nuser:x:7:7::/u:/bin/sh");
  AddFile("etc/group", "wheel:x:5:user");  // without a newline
  ASSERT_THAT(tree_->AddDirectory("workspace", {.uid = 3}), IsOk());
  ASSERT_THAT(AddGuestParts(*tree_, agent_), IsOk());
  EXPECT_EQ(Text("etc/passwd"), "root:x:0:0::/:/bin/sh\nuser:x:7:7::/u:/bin/sh");
  EXPECT_EQ(Text("etc/group"), "wheel:x:5:user\nuser:x:1000:\n");
  EXPECT_EQ(tree_->Find("etc/group")->metadata.permissions, 0600u);
  EXPECT_EQ(tree_->Find("workspace")->metadata.uid, 3u);
}

TEST_F(GuestPartsTest, RefusesAccountsThatAreNoFile) {
  ASSERT_THAT(tree_->AddDirectory("etc/passwd", {}), IsOk());
  EXPECT_THAT(AddGuestParts(*tree_, agent_),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("/etc/passwd")));
}

TEST_F(GuestPartsTest, TellsAMissingAgent) {
  EXPECT_THAT(AddGuestParts(*tree_, "/nonexistent"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/nonexistent")));
}

}  // namespace
}  // namespace voidbox

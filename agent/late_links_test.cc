#include "agent/late_links.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/io.h"
#include "base/late_link_list.h"
#include "base/status_matchers.h"

namespace voidbox {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class LateLinksTest : public ::testing::Test {
 protected:
  LateLinksTest() {
    fs::create_directories(root_ + "/bin");
    fs::create_directories(root_ + "/usr/lib/voidbox");
  }
  ~LateLinksTest() override { fs::remove_all(root_); }

  absl::StatusOr<int> Make(const std::string& list) {
    EXPECT_THAT(WriteFileAtomically(root_ + kLateLinkList, list), IsOk());
    return MakeLateLinks(root_);
  }

  const std::string root_ = absl::StrCat(::testing::TempDir(), "/root-", ::getpid());
};

TEST_F(LateLinksTest, MakesTheLinksAndRemovesTheList) {
  EXPECT_EQ(*Make("/bin/busybox /bin/ls\nbusybox /bin/cat\n"), 2);
  EXPECT_EQ(fs::read_symlink(root_ + "/bin/ls"), "/bin/busybox");
  EXPECT_EQ(fs::read_symlink(root_ + "/bin/cat"), "busybox");
  EXPECT_FALSE(fs::exists(root_ + kLateLinkList));
  EXPECT_EQ(*MakeLateLinks(root_), 0);
}

TEST_F(LateLinksTest, WhatIsThereStays) {
  EXPECT_THAT(WriteFileAtomically(root_ + "/bin/ls", "own"), IsOk());
  EXPECT_EQ(*Make("/bin/busybox /bin/ls\n/bin/busybox /bin/cat"), 1);
  EXPECT_FALSE(fs::is_symlink(root_ + "/bin/ls"));
}

TEST_F(LateLinksTest, AnEmptyListIsNoError) { EXPECT_EQ(*Make(""), 0); }

TEST_F(LateLinksTest, RefusesWhatIsNoList) {
  for (const std::string& bad :
       {std::string("word\n"), std::string(" /bin/ls\n"), std::string("busybox bin/ls\n"),
        std::string("a\0b /bin/ls\n", 12)}) {
    EXPECT_THAT(Make(bad).status(),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no target and path")));
  }
  EXPECT_THAT(Make("busybox /none/ls\n").status(),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("none")));
  EXPECT_THAT(Make(std::string(kMaxLateLinksBytes + 1, '\n')).status(),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("limit")));
}

TEST_F(LateLinksTest, AListThatIsALinkIsNotFollowed) {
  EXPECT_THAT(WriteFileAtomically(root_ + "/list", "busybox /bin/ls\n"), IsOk());
  fs::create_symlink("/list", root_ + kLateLinkList);
  EXPECT_FALSE(MakeLateLinks(root_).ok());
  EXPECT_FALSE(fs::exists(fs::symlink_status(root_ + "/bin/ls")));
}

}  // namespace
}  // namespace voidbox

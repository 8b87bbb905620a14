#include "image/posix_acl.h"

#include <string>

#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;

std::string Entry(char tag, char permissions, const std::string& id = "\xff\xff\xff\xff") {
  return std::string({tag, '\0', permissions, '\0'}) + id;
}
const std::string kVersion("\2\0\0\0", 4);
const std::string kThousand("\xe8\3\0\0", 4);

TEST(PosixAclTest, ReadsWhatStarAndGnuTarWrite) {
  const std::string value = kVersion + Entry(1, 6) + Entry(2, 4, kThousand) + Entry(4, 4) +
                            Entry(8, 5, kThousand) + Entry(16, 5) + Entry(32, 0);
  for (const std::string text :
       {"user::rw-,user:1000:r--,group::r--,group:1000:r-x,mask::r-x,other::---",
        "user::rw-,user:lisa:r--:1000,group::r--,group:staff:r-x:1000,mask::r-x,other::---",
        "other::---\nmask::rx\nuser:1000:r #effective:r\ng::r\ngroup:1000:rx\nu::rw\n"}) {
    EXPECT_EQ(PosixAclFromText(text).value(), value) << text;
  }
}

TEST(PosixAclTest, ANameWithoutANumberIsRefused) {
  EXPECT_THAT(
      PosixAclFromText("user::rw-,user:lisa:r--,group::r--,mask::r--,other::---"),
      StatusIs(absl::StatusCode::kInvalidArgument, "ACL entry 'user:lisa:r--' has no number"));
}

TEST(PosixAclTest, WhatIsNoWholeAclIsRefused) {
  for (const std::string text :
       {"", "user::rw-", "user::rw-,group::r--,other::---,other::---",
        "user::rw-,user:7:r--,group::r--,other::---", "user::rwz,group::r--,other::---",
        "x::rw-,group::r--,other::---", "user::rw-,group::r--,other:5:---"}) {
    EXPECT_THAT(PosixAclFromText(text), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("")))
        << text;
  }
}

TEST(PosixAclTest, KnowsTheValuesThatLinuxTakes) {
  const std::string minimal = kVersion + Entry(1, 7) + Entry(4, 5) + Entry(32, 5);
  EXPECT_TRUE(IsPosixAcl(minimal));
  EXPECT_FALSE(IsPosixAcl(""));
  EXPECT_FALSE(IsPosixAcl(minimal.substr(0, minimal.size() - 1)));
  EXPECT_FALSE(IsPosixAcl("\1" + minimal.substr(1)));                             // version
  EXPECT_FALSE(IsPosixAcl(kVersion + Entry(4, 5) + Entry(1, 7) + Entry(32, 5)));  // order
  EXPECT_FALSE(IsPosixAcl(kVersion + Entry(1, 8) + Entry(4, 5) + Entry(32, 5)));  // permissions
  EXPECT_FALSE(IsPosixAcl(minimal + Entry(64, 5)));                               // tag
  EXPECT_FALSE(IsPosixAcl(kVersion + Entry(1, 7) + Entry(2, 7, kThousand) + Entry(4, 5) +
                          Entry(32, 5)));  // no mask
}

}  // namespace
}  // namespace voidbox

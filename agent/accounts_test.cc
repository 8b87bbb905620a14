#include "agent/accounts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "base/io.h"
#include "base/status_matchers.h"

namespace voidbox {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kPasswd[] =
    "root:x:0:0:root:/root:/bin/sh\n"
    "short:x:7:7\n"
    "negative:x:-1:5::/:/bin/sh\n"
    "largest:x:4294967295:5::/:/bin/sh\n"
    ":x:9:9::/:/bin/sh\n"
    "daemon:x:1:2:daemon:/usr/sbin:/usr/sbin/nologin\n"
    "nohome:x:50:51:::\n"
    "daemon:x:100:100:again:/:/bin/sh\n"
    "last:x:60:61::/home/last:/bin/sh";

AccountFiles Files(const std::string& passwd) {
  return {.passwd = passwd, .group = "/nonexistent/group"};
}

void ExpectAccount(const absl::StatusOr<Account>& account, uid_t uid, gid_t gid,
                   const std::string& name, const std::string& home) {
  ASSERT_THAT(account, IsOk());
  EXPECT_EQ(account->uid, uid);
  EXPECT_EQ(account->gid, gid);
  EXPECT_EQ(account->name, name);
  EXPECT_EQ(account->home, home);
}

TEST(AccountsTest, NoUserIsTheGuestsUserAndRootIsRootWhateverTheFileSays) {
  const std::string missing = "/nonexistent/passwd";
  ExpectAccount(FindAccount("", Files(missing)), 1000, 1000, "user", "/home/user");
  ExpectAccount(FindAccount("1000", Files(missing)), 1000, 1000, "user", "/home/user");
  ExpectAccount(FindAccount("root", Files(missing)), 0, 0, "root", "/root");
  ExpectAccount(FindAccount("0", Files(missing)), 0, 0, "root", "/root");
}

TEST(AccountsTest, FindsNames) {
  ExpectAccount(FindAccountIn("daemon", kPasswd), 1, 2, "daemon", "/usr/sbin");
  ExpectAccount(FindAccountIn("nohome", kPasswd), 50, 51, "nohome", "/");
  ExpectAccount(FindAccountIn("last", kPasswd), 60, 61, "last", "/home/last");
}

TEST(AccountsTest, FindsNumbers) {
  ExpectAccount(FindAccountIn("1", kPasswd), 1, 2, "daemon", "/usr/sbin");
  ExpectAccount(FindAccountIn("1:3", kPasswd), 1, 3, "daemon", "/usr/sbin");
  ExpectAccount(FindAccountIn("77", kPasswd), 77, 77, "", "/");
  ExpectAccount(FindAccountIn("4294967294:0", kPasswd), 4294967294, 0, "", "/");
}

constexpr char kGroup[] =
    "root:x:0:daemon\n"
    "video:x:44:other,daemon,daemon\n"
    "short:x:45\n"
    "negative:x:-1:daemon\n"
    "largest:x:4294967295:daemon\n"
    "daemons:x:46:daemons,adaemon\n"
    "long:x:47:daemon:more\n"
    "last:x:48:nohome,daemon";

TEST(AccountsTest, AUserIsInTheGroupsThatNameHim) {
  EXPECT_THAT(FindAccountIn("daemon", kPasswd, kGroup)->groups, ElementsAre(0, 44, 48));
  EXPECT_THAT(FindAccountIn("1", kPasswd, kGroup)->groups, ElementsAre(0, 44, 48));
  EXPECT_THAT(FindAccountIn("nohome", kPasswd, kGroup)->groups, ElementsAre(48));
  EXPECT_THAT(FindAccountIn("last", kPasswd, kGroup)->groups, IsEmpty());
}

TEST(AccountsTest, AGivenGroupIsTheOnlyOneAndNumbersWithoutANameAreInNone) {
  EXPECT_THAT(FindAccountIn("1:3", kPasswd, kGroup)->groups, IsEmpty());
  EXPECT_THAT(FindAccountIn("77", kPasswd, "x:x:5:77\ny:x:6:\n")->groups, IsEmpty());
  EXPECT_THAT(DefaultAccount().groups, IsEmpty());
  EXPECT_THAT(RootAccount().groups, IsEmpty());
}

TEST(AccountsTest, GroupsAreBounded) {
  std::string group;
  for (int i = 0; i < 5000; ++i) absl::StrAppend(&group, "g", i, ":x:", i, ":daemon\n");
  EXPECT_EQ(FindAccountIn("daemon", kPasswd, group)->groups.size(), kMaxGroups);
}

TEST(AccountsTest, RefusesWhatIsNoUser) {
  for (const char* user : {"nobody", "short", "negative", "largest", "-1", "+1", "1:", "1:x", ":1",
                           "1:2:3", "daemon:1", "4294967295", "4294967296", " 1", "1 "}) {
    EXPECT_THAT(FindAccountIn(user, kPasswd),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("has no '")))
        << user;
  }
}

TEST(AccountsTest, RefusesALongName) {
  EXPECT_THAT(
      FindAccount(std::string(65, 'u'), AccountFiles()),
      StatusIs(absl::StatusCode::kInvalidArgument, "user: 65 bytes are more than the limit of 64"));
}

TEST(AccountsTest, APipeAsTheFileKeepsNobodyWaiting) {
  const std::string path = absl::StrCat(::testing::TempDir(), "/passwd-", ::getpid());
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_THAT(FindAccount("daemon", Files(path)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("is not a regular file")));
  ExpectAccount(FindAccount("5:6", Files(path)), 5, 6, "", "/");
  ::unlink(path.c_str());
}

TEST(AccountsTest, AFileThatIsTooLongIsRefused) {
  const std::string path = absl::StrCat(::testing::TempDir(), "/long-passwd-", ::getpid());
  ASSERT_THAT(WriteFileAtomically(path, std::string(kMaxAccountsBytes + 1, '\n')), IsOk());
  EXPECT_THAT(FindAccount("daemon", Files(path)),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("is longer than the limit of 1048576 bytes")));
  ::unlink(path.c_str());
}

}  // namespace
}  // namespace voidbox

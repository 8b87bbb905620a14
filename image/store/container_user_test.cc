#include "image/store/container_user.h"

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

constexpr char kPasswd[] =
    "root:x:0:0:root:/root:/bin/sh\n"
    "# www:x:1:1::/:/bin/sh\n"
    "+nis\n"
    "www:x:33:34:www:/var/www:/bin/sh\n"
    "web:x:33:35::/web:/bin/sh\n"
    "short:x:40:41\n"
    "bad:x:number:1::/:/bin/sh\n"
    "-1:x:50:51::/:/bin/sh\n"
    "7:x:60:61::/:/bin/sh\n"
    "last:x:70:71::/:/bin/sh";
constexpr char kGroup[] =
    "root:x:0:\n"
    "www:x:34:\n"
    "staff:x:90:www,web\n";

std::string Text(absl::string_view user) {
  const auto found = FindContainerUser(user, kPasswd, kGroup);
  EXPECT_THAT(found, IsOk()) << user;
  return found.ok() ? absl::StrCat(found->uid, " ", found->gid, " ", found->text) : "";
}

TEST(ContainerUserTest, KnowsEveryFormOfTheImageSpecification) {
  EXPECT_EQ(Text("www"), "33 34 www");
  EXPECT_EQ(Text("33"), "33 34 www") << "whose groups are those of www";
  EXPECT_EQ(Text("0"), "0 0 root");
  EXPECT_EQ(Text("www:staff"), "33 90 33:90");
  EXPECT_EQ(Text("33:90"), "33 90 33:90");
  EXPECT_EQ(Text("33:staff"), "33 90 33:90");
  EXPECT_EQ(Text("www:90"), "33 90 33:90");
  EXPECT_EQ(Text("root"), "0 0 root");
  EXPECT_EQ(Text("last"), "70 71 last");
}

TEST(ContainerUserTest, NumbersThatNoLineHasStandForThemselvesInGroup0) {
  EXPECT_EQ(Text("1001"), "1001 0 1001:0");
  EXPECT_EQ(Text("1000"), "1000 0 1000:0");
  EXPECT_EQ(Text("1001:1002"), "1001 1002 1001:1002");
  EXPECT_EQ(Text("0042:staff"), "42 90 42:90");
  EXPECT_EQ(Text("4294967294"), "4294967294 0 4294967294:0");
  EXPECT_EQ(FindContainerUser("5:6", "", "")->text, "5:6");
}

TEST(ContainerUserTest, AMissingPartIsTheDefault) {
  EXPECT_EQ(Text("www:"), "33 34 www");
  EXPECT_EQ(Text(":staff"), "0 90 0:90");
}

// The agent takes only whole lines, short names, and the first line of a uid.
TEST(ContainerUserTest, ANameIsKeptOnlyWhereTheAgentFindsTheSame) {
  EXPECT_EQ(Text("web"), "33 35 web");
  EXPECT_EQ(Text("short"), "40 41 40:41");
  EXPECT_EQ(FindContainerUser("2", "a:x:1:1::/:\na:x:2:3::/:\n", "")->text, "2:3");
  EXPECT_EQ(Text("7"), "60 61 60:61");  // a name that looks like a number
  const std::string name(65, 'n');
  EXPECT_EQ(FindContainerUser(name, name + ":x:1:2::/:/bin/sh", "")->text, "1:2");
}

TEST(ContainerUserTest, RefusesWhatIsNotThereByName) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"nobody", "/etc/passwd has no 'nobody'"},
      {"bad", "/etc/passwd has no 'bad'"},
      {"#", "/etc/passwd has no '#'"},
      {"www:wheel", "/etc/group has no 'wheel'"},
      {"www:staff:x", "/etc/group has no 'staff:x'"},
      {"4294967295", "no number from 0 to 4294967294"},
      {"99999999999", "no number from 0 to 4294967294"},
      {"+5", "/etc/passwd has no '+5'"},
      {"0x10", "/etc/passwd has no '0x10'"},
      {"a\nb", "/etc/passwd has no 'a\\nb'"},
      {"1:-5", "/etc/group has no '-5'"},
  };
  for (const auto& [user, message] : cases) {
    EXPECT_THAT(FindContainerUser(user, kPasswd, kGroup),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         AllOf(HasSubstr("its user '"), HasSubstr(message))))
        << user;
  }
}

}  // namespace
}  // namespace voidbox

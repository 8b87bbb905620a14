#include "agent/jail_tools.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/io.h"
#include "base/status_matchers.h"

namespace voidbox {
namespace {

namespace fs = std::filesystem;

// A guest's root and the jail in it, all root's as the test is.
class JailToolsTest : public ::testing::Test {
 protected:
  JailToolsTest() {
    fs::create_directories(root_ + "/bin");
    fs::create_directories(root_ + "/usr/sbin");
    fs::create_directories(jail_ + "/bin");
    EXPECT_THAT(WriteFileAtomically(root_ + "/bin/busybox", "x", 0755), IsOk());
    EXPECT_THAT(WriteFileAtomically(jail_ + "/bin/busybox", "x", 0755), IsOk());
    fs::create_symlink("busybox", jail_ + "/bin/sh");
    fs::create_symlink("/bin/busybox", root_ + "/bin/sh");
    fs::create_symlink("/bin/busybox", root_ + "/bin/ls");
    fs::create_symlink("busybox", root_ + "/bin/cat");
    fs::create_symlink("../../bin/busybox", root_ + "/usr/sbin/chroot");
    fs::create_symlink("/bin/notbusybox", root_ + "/bin/other");
    EXPECT_THAT(WriteFileAtomically(root_ + "/bin/program", "x", 0755), IsOk());
  }
  ~JailToolsTest() override { fs::remove_all(root_); }

  int Complete() {
    const auto made = CompleteJailTools(root_, jail_);
    EXPECT_THAT(made, IsOk());
    return made.value_or(-1);
  }
  bool HasTool(const std::string& name) { return fs::is_symlink(jail_ + "/bin/" + name); }

  const std::string root_ = absl::StrCat(::testing::TempDir(), "/guest-", ::getpid());
  const std::string jail_ = root_ + "/home/user";
};

TEST_F(JailToolsTest, MakesALinkForEachLinkToABusybox) {
  EXPECT_EQ(Complete(), 3);
  for (const char* name : {"sh", "ls", "cat", "chroot"}) {
    EXPECT_EQ(fs::read_symlink(jail_ + "/bin/" + name), "busybox") << name;
  }
  EXPECT_FALSE(HasTool("other"));
  EXPECT_FALSE(HasTool("program"));
  EXPECT_EQ(Complete(), 0);
}

TEST_F(JailToolsTest, AnImageWithAllOfThemIsLeftAlone) {
  fs::create_symlink("busybox", jail_ + "/bin/ls");
  EXPECT_EQ(Complete(), 0);
}

TEST_F(JailToolsTest, NothingIsWrittenThroughALinkOfTheUser) {
  const std::string victim = root_ + "/etc";
  fs::create_directories(victim);
  EXPECT_THAT(WriteFileAtomically(victim + "/busybox", "x", 0755), IsOk());
  fs::remove_all(jail_ + "/bin");
  fs::create_directory_symlink(victim, jail_ + "/bin");
  EXPECT_EQ(Complete(), 0);
  EXPECT_FALSE(fs::is_symlink(victim + "/ls"));
}

TEST_F(JailToolsTest, ADirectoryOfTheUserIsLeftAlone) {
  ASSERT_EQ(::chown((jail_ + "/bin").c_str(), 1000, 1000), 0);
  EXPECT_EQ(Complete(), 0);
  ASSERT_EQ(::chown((jail_ + "/bin").c_str(), 0, 0), 0);
  ASSERT_EQ(::chmod((jail_ + "/bin").c_str(), 0777), 0);
  EXPECT_EQ(Complete(), 0);
}

TEST_F(JailToolsTest, ABusyboxOfTheUserIsLeftAlone) {
  ASSERT_EQ(::chown((jail_ + "/bin/busybox").c_str(), 1000, 1000), 0);
  EXPECT_EQ(Complete(), 0);
}

TEST_F(JailToolsTest, AJailWithoutToolsHasNone) {
  fs::remove_all(jail_ + "/bin");
  EXPECT_EQ(Complete(), 0);
  EXPECT_THAT(CompleteJailTools(root_, root_ + "/missing"), IsOk());
}

}  // namespace
}  // namespace voidbox

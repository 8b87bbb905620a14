#include "tools/cli/run_in_host.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "base/unique_fd.h"

namespace voidbox {
namespace {

agent::ExecRequest OwnRequest() {
  return HostRequestFor({"voidbox"}, "/home", [](absl::string_view name) {
    return IsOwnVariable(name) || name == "FOR_THE_GUEST";
  });
}
std::string ValueOf(const agent::ExecRequest& request, const std::string& name) {
  for (const agent::EnvironmentVariable& variable : request.environment()) {
    if (variable.name() == name) return variable.value();
  }
  return "none";
}

TEST(HostRequestForTest, PassesNoMoreOfTheEnvironmentThanVoidboxNeeds) {
  ::setenv("BIG", std::string(100 << 10, 'b').c_str(), 1);
  ::setenv("FOR_THE_GUEST", "yes", 1);
  ::setenv("VOIDBOX_KVM_HOST", "emulated", 1);
  ::setenv("VOIDBOX_HOME", "/another", 1);
  ::setenv("LC_ALL", "C", 1);
  const agent::ExecRequest request = OwnRequest();
  EXPECT_EQ(ValueOf(request, "BIG"), "none");
  EXPECT_EQ(ValueOf(request, "FOR_THE_GUEST"), "yes");
  EXPECT_EQ(ValueOf(request, "VOIDBOX_KVM_HOST"), "emulated");
  EXPECT_EQ(ValueOf(request, "VOIDBOX_HOME"), "/home");
  EXPECT_EQ(ValueOf(request, "LC_ALL"), "C");
  EXPECT_LT(request.ByteSizeLong(), 32u << 10);
}

TEST(HostRequestForTest, RunsInTheRootWhereTheWorkingDirectoryIsGone) {
  const UniqueFd before(::open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const std::string gone = ::testing::TempDir() + "/run_in_host_test_gone";
  ASSERT_EQ(::mkdir(gone.c_str(), 0700), 0);
  ASSERT_EQ(::chdir(gone.c_str()), 0);
  EXPECT_THAT(OwnRequest().working_directory(), ::testing::EndsWith("/run_in_host_test_gone"));
  ASSERT_EQ(::rmdir(gone.c_str()), 0);
  EXPECT_EQ(OwnRequest().working_directory(), "/");
  ASSERT_EQ(::fchdir(before.get()), 0);
}

}  // namespace
}  // namespace voidbox

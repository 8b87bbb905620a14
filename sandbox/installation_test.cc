#include "sandbox/installation.h"

#include <filesystem>
#include <string>

#include "base/io.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string FileIn(const std::string& root, const std::string& name) {
  const std::string path = root + "/" + name;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  EXPECT_THAT(WriteFileAtomically(path, "x"), IsOk());
  return path;
}

TEST(InstallationTest, FindsFilesInTheBuildTree) {
  const std::string root = ::testing::TempDir() + "/built";
  const std::string vmm = FileIn(root, "vmm/voidbox-vmm");
  auto found = Installation::Of(root + "/tools/voidbox").Path(Installation::Item::kVmm);
  ASSERT_THAT(found, IsOk());
  EXPECT_EQ(*found, vmm);
}

TEST(InstallationTest, FindsInstalledFiles) {
  const std::string root = ::testing::TempDir() + "/prefix";
  const std::string kernel = FileIn(root, "share/voidbox/vmlinux");
  auto found = Installation::Of(root + "/bin/voidbox").Path(Installation::Item::kGuestKernel);
  ASSERT_THAT(found, IsOk());
  EXPECT_EQ(*found, kernel);
}

TEST(InstallationTest, SaysWhereItLooked) {
  EXPECT_THAT(Installation::Of("/nonexistent/bin/voidbox").Path(Installation::Item::kVmm),
              StatusIs(absl::StatusCode::kNotFound,
                       AllOf(HasSubstr("the VMM"), HasSubstr("/nonexistent/vmm/voidbox-vmm"),
                             HasSubstr("/nonexistent/libexec/voidbox/voidbox-vmm"))));
}

}  // namespace
}  // namespace voidbox

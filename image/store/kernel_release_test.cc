#include "image/store/kernel_release.h"

#include <fcntl.h>

#include <string>

#include "base/io.h"
#include "base/status_matchers.h"
#include "base/unique_fd.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

std::string ReleaseOf(const std::string& file) {
  const std::string path = ::testing::TempDir() + "/vmlinux";
  EXPECT_THAT(WriteFileAtomically(path, file), IsOk());
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  const auto release = FindKernelRelease(fd.get(), file.size());
  EXPECT_THAT(release, IsOk());
  return release.value_or("");
}

TEST(KernelReleaseTest, IsInTheBannerOfAVmlinux) {
  EXPECT_EQ(ReleaseOf("\x7f"
                      "ELF.....Linux version 6.1.192-voidbox (gcc) #1 SMP"),
            "6.1.192-voidbox");
  EXPECT_EQ(ReleaseOf("Linux version %s (%s)...Linux version 6.12.95 (x)"), "6.12.95");
  EXPECT_EQ(ReleaseOf("Linux version 7" + std::string(64, '1') + " "), "");
  EXPECT_EQ(ReleaseOf("Linux version 6.1\n"), "");
  EXPECT_EQ(ReleaseOf("Linux version 6.1"), "");
  EXPECT_EQ(ReleaseOf("Linux version "), "");
  EXPECT_EQ(ReleaseOf("nothing"), "");
  EXPECT_EQ(ReleaseOf(""), "");
}

TEST(KernelReleaseTest, IsFoundWhereverItLies) {
  const std::string banner = "Linux version 6.1.192-voidbox (";
  for (size_t before = (1 << 20) - banner.size() - 1; before <= (1 << 20) + 1; ++before) {
    ASSERT_EQ(ReleaseOf(std::string(before, 'x') + banner + std::string(100, 'x')),
              "6.1.192-voidbox")
        << before;
  }
}

TEST(KernelReleaseTest, KnowsOurKernels) {
  EXPECT_TRUE(IsOwnKernelRelease("6.1.192-voidbox"));
  EXPECT_FALSE(IsOwnKernelRelease("6.1.0-44-amd64"));
  EXPECT_FALSE(IsOwnKernelRelease(""));
}

}  // namespace
}  // namespace voidbox

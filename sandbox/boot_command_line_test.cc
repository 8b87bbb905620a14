#include "sandbox/boot_command_line.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

// Of a word NAME=VALUE, the last value, as the kernel takes it.
std::string LastValue(absl::string_view line, absl::string_view name) {
  std::string value;
  for (const absl::string_view word : absl::StrSplit(line, ' ')) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(word, absl::MaxSplits('=', 1));
    if (parts.first == name) value = std::string(parts.second);
  }
  return value;
}

TEST(SandboxCommandLineTest, IsQuietUnlessTheConsoleIsAskedFor) {
  EXPECT_EQ(LastValue(SandboxCommandLine(GuestKernel::kOwn, false, ""), "loglevel"), "1");
  EXPECT_EQ(LastValue(SandboxCommandLine(GuestKernel::kOwn, true, ""), "loglevel"), "7");
  // Both set the loglevel, and the last one counts.
  const std::string line = SandboxCommandLine(GuestKernel::kOwn, true, "");
  EXPECT_LT(line.find("quiet"), line.find("loglevel=7"));
}

TEST(SandboxCommandLineTest, TheUsersWordsComeLast) {
  EXPECT_TRUE(absl::EndsWith(SandboxCommandLine(GuestKernel::kOwn, true, "loglevel=8 a=b"),
                             " loglevel=8 a=b"));
  EXPECT_EQ(SandboxCommandLine(GuestKernel::kOwn, false, "a"),
            absl::StrCat(SandboxCommandLine(GuestKernel::kOwn, false, ""), " a"));
}

TEST(SandboxCommandLineTest, HasTheAgentSayHowFarItIs) {
  EXPECT_TRUE(
      absl::StrContains(SandboxCommandLine(GuestKernel::kOwn, false, ""), " voidbox.marks"));
  EXPECT_TRUE(absl::StartsWith(SandboxCommandLine(GuestKernel::kOwn, false, ""), kBootCommandLine));
}

// Linux 7.3 does not know "noreplace-smp", and would hand it to /init.
TEST(SandboxCommandLineTest, OtherKernelsAreToldOnlyWhatAllKnow) {
  const std::string own = SandboxCommandLine(GuestKernel::kOwn, false, "a");
  const std::string other = SandboxCommandLine(GuestKernel::kOther, false, "a");
  EXPECT_TRUE(absl::StrContains(own, " noreplace-smp "));
  EXPECT_FALSE(absl::StrContains(other, "noreplace-smp"));
  EXPECT_EQ(own, absl::StrReplaceAll(other, {{" voidbox.marks", " noreplace-smp voidbox.marks"}}));
}

}  // namespace
}  // namespace voidbox

#include "image/builder/busybox.h"

#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/io.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;

TEST(BusyboxTest, TakesAStaticOne) { EXPECT_THAT(CheckBusybox("/bin/busybox"), IsOk()); }

TEST(BusyboxTest, AnswersUnderAnyName) {
  const std::string path = ::testing::TempDir() + "/my-busy-box";
  std::filesystem::copy_file("/bin/busybox", path,
                             std::filesystem::copy_options::overwrite_existing);
  NoProgress progress;
  EXPECT_THAT(*AskBusybox(path, "--list", progress), HasSubstr("\ntr\n"));
}

TEST(BusyboxTest, SaysThatThereIsNoTemporaryDirectory) {
  NoProgress progress;
  const std::string before = ::testing::TempDir();
  ::setenv("TMPDIR", "/nonexistent", 1);
  const auto answer = AskBusybox("/bin/busybox", "--list", progress);
  ::setenv("TMPDIR", before.c_str(), 1);
  EXPECT_THAT(answer.status().message(), HasSubstr("temporary directory ($TMPDIR)"));
}

TEST(BusyboxTest, RefusesWhatCannotRunInAGuest) {
  EXPECT_THAT(CheckBusybox("/bin/sh").message(), HasSubstr("shared libraries"));
  EXPECT_EQ(CheckBusybox("/nonexistent").code(), absl::StatusCode::kNotFound);
  const std::string path = ::testing::TempDir() + "/text";
  ASSERT_THAT(WriteFileAtomically(path, "#!/bin/sh\n"), IsOk());
  EXPECT_THAT(CheckBusybox(path).message(), HasSubstr("no program for x86-64"));
}

}  // namespace
}  // namespace voidbox

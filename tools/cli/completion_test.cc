#include "tools/cli/completion.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/io.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "sandbox/child_process.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;

// What bash offers for a command line whose last word is being typed.
std::string Complete(const std::string& words, int current) {
  const std::string path = ::testing::TempDir() + "/completion";
  EXPECT_THAT(WriteFileAtomically(path, *CompletionScript("bash")), IsOk());
  int fds[2];
  EXPECT_EQ(::pipe2(fds, O_CLOEXEC), 0);
  const UniqueFd read(fds[0]);
  UniqueFd write(fds[1]);
  auto child = ChildProcess::Spawn({.argv = {"/bin/bash", "-c",
                                             ". " + path + "; COMP_WORDS=(" + words +
                                                 "); COMP_CWORD=" + std::to_string(current) +
                                                 "; _voidbox; echo ${COMPREPLY[*]}"},
                                    .descriptors = {{write.get(), 1}}});
  EXPECT_THAT(child, IsOk());
  write.Reset();
  std::string text(1 << 16, '\0');
  auto got = ReadUpTo(read.get(), text.data(), text.size());
  EXPECT_THAT(got, IsOk());
  text.resize(*got);
  return text;
}

TEST(CompletionTest, BashOffersCommandsAndFlags) {
  EXPECT_EQ(Complete("voidbox ''", 1),
            "run image doctor host version completion --help --version\n");
  EXPECT_EQ(Complete("voidbox do", 1), "doctor\n");
  EXPECT_EQ(Complete("voidbox run --kvm-host e", 3), "emulated\n");
  EXPECT_EQ(Complete("voidbox run --ti", 2), "--timeout\n");
  EXPECT_EQ(Complete("voidbox host st", 2), "start stop status\n");
  EXPECT_THAT(Complete("voidbox run -- bas", 3), HasSubstr("bash"));
  EXPECT_EQ(Complete("voidbox image ''", 2),
            "build ls inspect import export rm verify prune --help\n");
  EXPECT_EQ(Complete("voidbox image i", 2), "inspect import\n");
  EXPECT_EQ(Complete("voidbox image import x --ro", 4), "--rootfs\n");
  EXPECT_EQ(Complete("voidbox image build de", 3), "debian\n");
  EXPECT_EQ(Complete("voidbox image build debian --no-d", 4), "--no-deno\n");
}

TEST(CompletionTest, BashOffersImages) {
  const std::string home = ::testing::TempDir() + "/completion_home";
  std::filesystem::create_directories(home + "/images/names");
  for (const char* name : {"debian", "minimal"}) {
    ASSERT_THAT(WriteFileAtomically(home + "/images/names/" + name, ""), IsOk());
  }
  ::setenv("VOIDBOX_HOME", home.c_str(), 1);
  EXPECT_EQ(Complete("voidbox run --image ''", 3), "debian minimal\n");
  EXPECT_EQ(Complete("voidbox image rm de", 3), "debian\n");
  ::unsetenv("VOIDBOX_HOME");
}

TEST(CompletionTest, KnowsThreeShells) {
  EXPECT_THAT(CompletionScript("zsh"), IsOk());
  EXPECT_THAT(CompletionScript("fish"), IsOk());
  EXPECT_THAT(CompletionScript("csh"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("csh")));
}

}  // namespace
}  // namespace voidbox

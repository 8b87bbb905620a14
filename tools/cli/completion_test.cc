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
#include "tools/cli/flag_parser.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;

// Commands and flags of every kind.
CommandLine TestingCommands() {
  CommandLine commands("voidbox", "Tests");
  static std::string text;
  static bool flag;
  const FlagParser run = commands.root().AddCommand("run", "Run a command");
  run.Add("--image", text, "image").Type("NAME");
  run.Add("--kernel", text, "kernel's file").Type("FILE");
  run.Add("--kvm-host", text, "where").OneOf({"auto", "emulated"});
  run.AddSwitch("-d,--detach", flag, "leave it running");
  run.AddSwitch("--secret", flag).Hidden();
  commands.root().AddCommand("logs", "Show").Add("ID", text);
  const FlagParser image = commands.root().AddCommand("image", "Images");
  image.AddCommand("ls", "List").Add("--format", text);
  image.AddCommand("rm", "Remove").Add("IMAGE", text);
  return commands;
}

absl::StatusOr<std::string> Script(const std::string& shell) {
  return CompletionScript(shell, TestingCommands().root());
}

// What bash offers for a command line whose last word is being typed.
std::string Complete(const std::string& words, int current) {
  const std::string path = ::testing::TempDir() + "/completion";
  EXPECT_THAT(WriteFileAtomically(path, *Script("bash")), IsOk());
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
  EXPECT_EQ(Complete("voidbox ''", 1), "run logs image --help\n");
  EXPECT_EQ(Complete("voidbox l", 1), "logs\n");
  EXPECT_EQ(Complete("voidbox run --kvm-host e", 3), "emulated\n");
  EXPECT_EQ(Complete("voidbox run --de", 2), "--detach\n");
  EXPECT_EQ(Complete("voidbox run --s", 2), "\n");  // hidden
  EXPECT_THAT(Complete("voidbox run -- bas", 3), HasSubstr("bash"));
  EXPECT_EQ(Complete("voidbox image ''", 2), "ls rm --help\n");
  EXPECT_EQ(Complete("voidbox image ls --fo", 3), "--format\n");
  EXPECT_THAT(Complete("voidbox run --kernel /etc/host", 3), HasSubstr("/etc/hosts"));
}

TEST(CompletionTest, BashOffersImagesAndSandboxes) {
  const std::string home = ::testing::TempDir() + "/completion_home";
  std::filesystem::create_directories(home + "/images/names");
  for (const char* name : {"debian", "minimal"}) {
    ASSERT_THAT(WriteFileAtomically(home + "/images/names/" + name, ""), IsOk());
  }
  std::filesystem::create_directories(home + "/detached/0123456789ab");
  ASSERT_THAT(WriteFileAtomically(home + "/detached/0123456789ab/record.json",
                                  "{\n  \"id\": \"0123456789ab\",\n  \"name\": \"web\"\n}\n"),
              IsOk());
  ::setenv("VOIDBOX_HOME", home.c_str(), 1);
  EXPECT_EQ(Complete("voidbox run --image ''", 3), "debian minimal\n");
  EXPECT_EQ(Complete("voidbox image rm de", 3), "debian\n");
  EXPECT_EQ(Complete("voidbox logs w", 2), "web\n");
  EXPECT_EQ(Complete("voidbox logs 0", 2), "0123456789ab\n");
  ::unsetenv("VOIDBOX_HOME");
}

TEST(CompletionTest, FishHasALineForEach) {
  const std::string script = *Script("fish");
  EXPECT_THAT(script, HasSubstr("-n '__fish_use_subcommand' -a run -d 'Run a command'\n"));
  EXPECT_THAT(script, HasSubstr("-l kernel -rF -d 'kernel\\'s file'\n"));
  EXPECT_THAT(script, HasSubstr("-l kvm-host -xa 'auto emulated'"));
  EXPECT_THAT(script, HasSubstr("-l detach -s d -d 'leave it running'\n"));
  EXPECT_THAT(
      script,
      HasSubstr("-n '__fish_seen_subcommand_from image; and __fish_seen_subcommand_from rm' "
                "-a '(_voidbox_images)'"));
}

TEST(CompletionTest, KnowsThreeShells) {
  EXPECT_THAT(Script("zsh"), IsOk());
  EXPECT_THAT(Script("fish"), IsOk());
  EXPECT_THAT(Script("csh"), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("csh")));
}

}  // namespace
}  // namespace voidbox

#include "tools/cli/run_image.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/io.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "tools/cli/flag_parser.h"

namespace voidbox {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class RunImageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    home_ = ::testing::TempDir() + "/run_image";
    std::filesystem::remove_all(home_);
  }
  // The flags for an image with this manifest, whose blobs are added here.
  absl::StatusOr<RunFlags> Flags(ImageManifest manifest, bool rootfs) {
    NoProgress progress;
    auto store = ImageStore::Open(home_);
    EXPECT_THAT(store, IsOk());
    manifest.name = "test";
    manifest.flavour = "test";
    {
      auto import = store->BeginImport("test", true, progress);
      EXPECT_THAT(import, IsOk());
      manifest.kernel = *import->AddBytes("kernel", "vmlinux");
      if (rootfs) {
        manifest.rootfs = *import->AddBytes("root", "ext4");
      } else {
        manifest.initramfs = *import->AddBytes("initramfs", "cpio");
      }
      EXPECT_THAT(import->Commit(manifest), IsOk());
    }
    return WithImage(flags_, *store, *store->Find("test"));
  }
  std::string home_;
  RunFlags flags_;
};

TEST_F(RunImageTest, BootsTheImagesFiles) {
  const auto flags = Flags({}, /*rootfs=*/false);
  ASSERT_THAT(flags, IsOk());
  EXPECT_EQ(*ReadFile(flags->kernel), "kernel");
  EXPECT_EQ(*ReadFile(flags->initramfs), "initramfs");
  EXPECT_THAT(flags->root_disk.path, IsEmpty());
  const auto with_rootfs = Flags({}, /*rootfs=*/true);
  ASSERT_THAT(with_rootfs, IsOk());
  EXPECT_EQ(*ReadFile(with_rootfs->root_disk.path), "root");
  EXPECT_THAT(with_rootfs->initramfs, IsEmpty());
}

TEST_F(RunImageTest, WhatIsGivenWins) {
  flags_.kernel = "own";
  flags_.command_line = "b=2";
  flags_.exec.environment = {"A=mine", "PASSED"};
  flags_.exec.working_directory = "/mine";
  const ImageManifest manifest = {.command_line = "b=1",
                                  .config = {.environment = {"A=image", "AB=image", "PASSED=image"},
                                             .working_directory = "/image"}};
  const auto flags = Flags(manifest, false);
  ASSERT_THAT(flags, IsOk());
  EXPECT_EQ(flags->kernel, "own");
  EXPECT_EQ(flags->command_line, "b=1 b=2");
  EXPECT_EQ(flags->exec.environment, (std::vector<std::string>{"AB=image", "A=mine", "PASSED"}));
  EXPECT_EQ(flags->exec.working_directory, "/mine");
  flags_ = {};
  const auto none = Flags(manifest, false);
  ASSERT_THAT(none, IsOk());
  EXPECT_EQ(none->exec.environment, manifest.config.environment);
  EXPECT_EQ(none->exec.working_directory, "/image");
}

TEST(CommandForTest, AnImagesCommandRunsWhenNoneIsGiven) {
  using Words = std::vector<std::string>;
  const ImageConfig both = {.entrypoint = {"/entry", "-x"}, .command = {"serve"}};
  const ImageConfig only_command = {.command = {"serve"}};
  const struct {
    std::optional<std::string> entrypoint;
    Words given, of_both, of_only_command;
  } cases[] = {
      {std::nullopt, {}, {"/entry", "-x", "serve"}, {"serve"}},
      {std::nullopt, {"id", "-u"}, {"id", "-u"}, {"id", "-u"}},
      {kImagesEntrypoint, {}, {"/entry", "-x", "serve"}, {"serve"}},
      {kImagesEntrypoint, {"id"}, {"/entry", "-x", "id"}, {"id"}},
      {"/other", {}, {"/other"}, {"/other"}},
      {"/other", {"id"}, {"/other", "id"}, {"/other", "id"}},
      {"", {}, {}, {}},
      {"", {"id"}, {"id"}, {"id"}},
  };
  for (const auto& one : cases) {
    const RunFlags flags = {.entrypoint = one.entrypoint};
    EXPECT_EQ(CommandFor(flags, both, one.given), one.of_both) << one.entrypoint.value_or("none");
    EXPECT_EQ(CommandFor(flags, only_command, one.given), one.of_only_command);
  }
  const RunFlags console = {.console = true};
  EXPECT_THAT(CommandFor(console, both, {}), IsEmpty());
  EXPECT_EQ(CommandFor(console, both, {"id"}), Words{"id"});
}

TEST(EntrypointFlagTest, TakesAProgramOrNone) {
  const auto parse = [](std::vector<std::string> arguments) {
    RunFlags flags;
    const CommandLine command_line("voidbox", "");
    command_line.root().TakeCommand();
    AddRunFlags(command_line.root(), flags);
    AddEntrypointFlag(command_line.root(), flags);
    if (!command_line.Parse(std::move(arguments)).ok()) return std::string("refused");
    return flags.entrypoint.value_or("none");
  };
  EXPECT_EQ(parse({"--image", "x"}), "none");
  EXPECT_EQ(parse({"--image", "x", "--entrypoint"}), kImagesEntrypoint);
  EXPECT_EQ(parse({"--entrypoint", "--image", "x", "id"}), kImagesEntrypoint);
  EXPECT_EQ(parse({"--image", "x", "--entrypoint=/bin/sh"}), "/bin/sh");
  EXPECT_EQ(parse({"--image", "x", "--entrypoint", "/bin/sh", "-c"}), "/bin/sh");
  EXPECT_EQ(parse({"--image", "x", "--entrypoint", ""}), "");
  EXPECT_EQ(parse({"--entrypoint"}), "refused");
}

TEST_F(RunImageTest, RefusesLessMemoryThanTheImageNeeds) {
  flags_.memory = "64M";
  EXPECT_THAT(Flags({.minimum_memory_bytes = 66 << 20}, false),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("66.0 MiB"), HasSubstr("64.0 MiB"))));
}

}  // namespace
}  // namespace voidbox

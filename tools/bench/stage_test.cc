#include "tools/bench/stage.h"

#include <unistd.h>

#include <filesystem>

#include "absl/strings/match.h"
#include "base/io.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace voidbox::bench {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(StageTest, TakesLibrariesFromLdd) {
  EXPECT_THAT(ParseLdd("\tlinux-vdso.so.1 (0x00007ffd2a5e6000)\n"
                       "\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f0a)\n"
                       "\tlibgone.so => not found\n"
                       "\t/lib64/ld-linux-x86-64.so.2 (0x00007f0b)\n"),
              ElementsAre("/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2"));
  EXPECT_THAT(ParseLdd("\tstatically linked\n"), IsEmpty());
  EXPECT_THAT(ParseLdd(""), IsEmpty());
}

TEST(StageTest, StagesADynamicProgramWithItsLibraries) {
  auto stage = Stage::Create();
  ASSERT_THAT(stage, IsOk());
  const auto program = stage->AddProgram("/bin/true", "true");
  ASSERT_THAT(program, IsOk());
  ASSERT_EQ(program->size(), 4u);
  EXPECT_TRUE(absl::StartsWith((*program)[0], stage->path() + "/lib/ld-linux"));
  EXPECT_EQ((*program)[1], "--library-path");
  EXPECT_EQ((*program)[2], stage->path() + "/lib");
  EXPECT_EQ((*program)[3], stage->path() + "/true");
  EXPECT_EQ(::access((stage->path() + "/lib/libc.so.6").c_str(), R_OK), 0);
}

TEST(StageTest, StagesAStaticProgramAlone) {
  auto stage = Stage::Create();
  ASSERT_THAT(stage, IsOk());
  const auto program = stage->AddProgram("/bin/busybox", "busybox");  // of busybox-static
  ASSERT_THAT(program, IsOk());
  EXPECT_THAT(*program, ElementsAre(stage->path() + "/busybox"));
}

TEST(StageTest, LeavesNothingBehind) {
  std::string path;
  {
    auto stage = Stage::Create();
    ASSERT_THAT(stage, IsOk());
    path = stage->path();
    ASSERT_THAT(stage->AddFile("/etc/passwd", "passwd"), IsOk());
    ASSERT_THAT(stage->AddDirectory("d"), IsOk());
    Stage moved = *std::move(stage);
    EXPECT_TRUE(std::filesystem::exists(path + "/passwd"));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(StageTest, SaysWhichFileIsMissing) {
  auto stage = Stage::Create();
  ASSERT_THAT(stage, IsOk());
  EXPECT_THAT(stage->AddFile("/no/such/file", "file"),
              StatusIs(absl::StatusCode::kNotFound, ::testing::HasSubstr("/no/such/file")));
}

}  // namespace
}  // namespace voidbox::bench

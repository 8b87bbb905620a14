#include "image/initramfs_manifest.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "base/io.h"
#include "base/status_matchers.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;

TEST(InitramfsManifestTest, AddsEveryKindOfEntry) {
  const std::string source = absl::StrCat(::testing::TempDir(), "/source-", ::getpid());
  ASSERT_THAT(WriteFileAtomically(source, "contents"), IsOk());
  CpioWriter got, expected;
  ASSERT_THAT(AddManifest(absl::StrCat("# a comment\n"
                                       "dir /d 0750 1 2  # another\n"
                                       "\n"
                                       "file /d/f 4755\t0 0 ",
                                       source,
                                       "\n"
                                       "link /l d/f\n"
                                       "char /d/null 0666 0 0 1 3"),
                          got),
              IsOk());
  ASSERT_THAT(expected.AddDirectory("d", {.permissions = 0750, .uid = 1, .gid = 2}), IsOk());
  ASSERT_THAT(expected.AddFile("d/f", {.permissions = 04755}, "contents"), IsOk());
  ASSERT_THAT(expected.AddSymlink("l", "d/f"), IsOk());
  ASSERT_THAT(
      expected.AddDevice("d/null", {.permissions = 0666}, CpioWriter::DeviceKind::kCharacter, 1, 3),
      IsOk());
  EXPECT_EQ(got.Finish().value(), expected.Finish().value());
  ::unlink(source.c_str());
}

TEST(InitramfsManifestTest, NamesTheLineOfAMistake) {
  CpioWriter writer;
  auto refusal = [&](const std::string& manifest) {
    const absl::Status status = AddManifest(manifest, writer);
    EXPECT_FALSE(status.ok());
    return std::string(status.message());
  };
  EXPECT_EQ(refusal("\nsocket /a"), "line 2: unknown kind 'socket'");
  EXPECT_EQ(refusal("dir /a"), "line 1: dir takes 4 words, not 1");
  EXPECT_EQ(refusal("dir /a 0999 0 0"), "line 1: mode '0999' is not a number of base 8 up to 4095");
  EXPECT_EQ(refusal("dir /a 0755 -1 0"),
            "line 1: uid '-1' is not a number of base 10 up to 4294967295");
  EXPECT_EQ(refusal("char /a 0755 0 0 4096 0"),
            "line 1: major '4096' is not a number of base 10 up to 4095");
  EXPECT_EQ(refusal("dir /../a 0755 0 0"), "line 1: cpio entry '/../a': has a component . or ..");
  EXPECT_THAT(refusal("file /a 0755 0 0 /nonexistent"), HasSubstr("line 1: /nonexistent: "));
}

}  // namespace
}  // namespace voidbox

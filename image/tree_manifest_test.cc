#include "image/tree_manifest.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "base/io.h"
#include "base/status_matchers.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;

TEST(TreeManifestTest, AddsEveryKindOfEntry) {
  const std::string source = absl::StrCat(::testing::TempDir(), "/source-", ::getpid());
  ASSERT_THAT(WriteFileAtomically(source, "contents"), IsOk());
  FileTree got = FileTree::Create().value();
  FileTree expected = FileTree::Create().value();
  ASSERT_THAT(AddManifest(absl::StrCat("# a comment\n"
                                       "dir /d 0750 1 2  # another\n"
                                       "\n"
                                       "file /d/f 4755\t0 0 ",
                                       source,
                                       "\n"
                                       "link /l d/f\n"
                                       "char /d/null 0666 0 0 1 3\n"
                                       "block /d/vda 0660 0 6 254 0"),
                          got),
              IsOk());
  ASSERT_THAT(expected.AddDirectory("d", {.permissions = 0750, .uid = 1, .gid = 2}), IsOk());
  ASSERT_THAT(
      expected.AddFile("d/f", {.permissions = 04755}, expected.spool().Add("contents").value()),
      IsOk());
  ASSERT_THAT(expected.AddSymlink("l", {}, "d/f"), IsOk());
  ASSERT_THAT(
      expected.AddSpecial("d/null", {.permissions = 0666}, FileType::kCharacterDevice, 1, 3),
      IsOk());
  ASSERT_THAT(
      expected.AddSpecial("d/vda", {.permissions = 0660, .gid = 6}, FileType::kBlockDevice, 254, 0),
      IsOk());
  EXPECT_EQ(got.Digest(), expected.Digest());
  ::unlink(source.c_str());
}

TEST(TreeManifestTest, NamesTheLineOfAMistake) {
  FileTree tree = FileTree::Create().value();
  auto refusal = [&](const std::string& manifest) {
    const absl::Status status = AddManifest(manifest, tree);
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
  EXPECT_EQ(refusal("dir /../a 0755 0 0"), "line 1: path '/../a' has a component . or ..");
  EXPECT_THAT(refusal("file /a 0755 0 0 /nonexistent"), HasSubstr("line 1: /nonexistent: "));
}

}  // namespace
}  // namespace voidbox

#include "image/tree_cpio.h"

#include <unistd.h>

#include <cstdio>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/io.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

TEST(TreeCpioTest, CpioReadsEveryKindOfFile) {
  FileTree tree = FileTree::Create().value();
  ASSERT_THAT(tree.AddFile("d/f", {.permissions = 04755, .uid = 7}, tree.spool().Add("hi").value()),
              IsOk());
  ASSERT_THAT(tree.AddHardLink("a", "d/f"), IsOk());
  ASSERT_THAT(tree.AddSymlink("l", {}, "d/f"), IsOk());
  ASSERT_THAT(tree.AddSpecial("c", {}, FileType::kCharacterDevice, 5, 1), IsOk());
  ASSERT_THAT(tree.AddSpecial("b", {}, FileType::kBlockDevice, 254, 0), IsOk());
  ASSERT_THAT(tree.AddSpecial("p", {}, FileType::kFifo, 0, 0), IsOk());
  const std::string path = absl::StrCat(::testing::TempDir(), "/tree-cpio-", ::getpid());
  ASSERT_THAT(WriteFileAtomically(path, MakeCpio(tree).value()), IsOk());
  std::FILE* const pipe = ::popen(("cpio --quiet -tvn < " + path).c_str(), "r");
  std::string list(4096, '\0');
  list.resize(std::fread(list.data(), 1, list.size(), pipe));
  EXPECT_EQ(::pclose(pipe), 0);
  ::unlink(path.c_str());
  EXPECT_THAT(list, ContainsRegex("-rwsr-xr-x +2 7 +0 +0 .* a\n"));
  EXPECT_THAT(list, ContainsRegex("-rwsr-xr-x +2 7 +0 +2 .* d/f\n"));
  EXPECT_THAT(list, ContainsRegex("drwxr-xr-x +2 0 +0 .* d\n"));
  EXPECT_THAT(list, ContainsRegex("lrwxrwxrwx .* l -> d/f\n"));
  EXPECT_THAT(list, ContainsRegex("crwxr-xr-x .* 5, +1 .* c\n"));
  EXPECT_THAT(list, ContainsRegex("brwxr-xr-x .* 254, +0 .* b\n"));
  EXPECT_THAT(list, ContainsRegex("prwxr-xr-x .* p\n"));
}

TEST(TreeCpioTest, RefusesWhatDoesNotFitIntoMemory) {
  FileTree tree = FileTree::Create().value();
  ContentSpool::Writer writer(tree.spool());
  ASSERT_THAT(tree.AddFile("c", {}, writer.Finish(kMaxCpioBytes + 1).value()), IsOk());
  EXPECT_THAT(MakeCpio(tree),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       HasSubstr("'c' have 2147483649 bytes, more than the limit of 2147483648")));
}

}  // namespace
}  // namespace voidbox

// finit_module itself takes a kernel to put modules into; tests/ has it.
#include "agent/kernel_modules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/io.h"
#include "base/status_matchers.h"

namespace voidbox {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class KernelModulesTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& contents) {
    const std::string path = absl::StrCat(::testing::TempDir(), "/", name);
    EXPECT_THAT(WriteFileAtomically(path, contents), IsOk());
    return path;
  }
  // Takes what a file has for its module; refuses "bad".
  absl::Status Insert(int file) {
    std::string contents(16, '\0');
    const auto got = ReadUpTo(file, contents.data(), contents.size());
    EXPECT_THAT(got, IsOk());
    contents.resize(*got);
    if (contents == "bad") return absl::InvalidArgumentError("not for this kernel");
    inserted_.push_back(contents);
    return absl::OkStatus();
  }
  absl::StatusOr<int> Load(const std::string& list) {
    return LoadKernelModules(list, [this](int file) { return Insert(file); });
  }
  std::vector<std::string> inserted_;
};

TEST_F(KernelModulesTest, NoListIsNoModules) {
  const auto loaded = Load(absl::StrCat(::testing::TempDir(), "/no_such_list"));
  ASSERT_THAT(loaded, IsOk());
  EXPECT_EQ(*loaded, 0);
}

TEST_F(KernelModulesTest, InsertsInTheOrderOfTheListAndGoesOnAfterABadOne) {
  const std::string first = Write("z.ko", "first"), bad = Write("b.ko", "bad"),
                    last = Write("a.ko", "last");
  const std::string list = Write(
      "list", absl::StrCat(first, "\n", bad, "\n", ::testing::TempDir(), "/none.ko\n", last, "\n"));
  const auto loaded = Load(list);
  ASSERT_THAT(loaded, IsOk());
  EXPECT_EQ(*loaded, 2);
  EXPECT_THAT(inserted_, ElementsAre("first", "last"));
}

TEST_F(KernelModulesTest, AListWithoutEndIsRefused) {
  const std::string list = Write("endless", std::string((1 << 20) + 1, '/'));
  EXPECT_THAT(Load(list), StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr(list)));
  EXPECT_THAT(inserted_, IsEmpty());
}

TEST_F(KernelModulesTest, TheKernelRefusesWhatIsNoModule) {
  const std::string list = Write("self", "/proc/self/exe\n");
  const auto loaded = LoadKernelModules(list, InsertKernelModule);
  ASSERT_THAT(loaded, IsOk());
  EXPECT_EQ(*loaded, 0);
}

}  // namespace
}  // namespace voidbox

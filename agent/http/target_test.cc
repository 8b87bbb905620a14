#include "agent/http/target.h"

#include <gtest/gtest.h>

#include "base/status_matchers.h"

namespace voidbox {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(TargetTest, IsDecoded) {
  const auto target = ParseTarget("/files/%64ownload?path=a%20b%2Fc%26d+e&x=&y");
  ASSERT_THAT(target, IsOk());
  EXPECT_EQ(target->path, "/files/download");
  EXPECT_THAT(target->query, ElementsAre(Pair("path", "a b/c&d e"), Pair("x", ""), Pair("y", "")));
}

TEST(TargetTest, SlashesMayBeDoubledOrTrail) {
  for (const char* text : {"/files/upload", "//files///upload", "/files/upload/", "/files%2Fupload",
                           "http://guest/files/upload", "HTTP://guest:8080//files/upload"}) {
    const auto target = ParseTarget(text);
    ASSERT_THAT(target, IsOk()) << text;
    EXPECT_EQ(target->path, "/files/upload") << text;
  }
  for (const char* text : {"/", "//", "http://guest", "http://guest?a=b"}) {
    EXPECT_EQ(ParseTarget(text)->path, "/") << text;
  }
}

TEST(TargetTest, AQueryMayBeEmptyAndAFragmentIsNotPartOfIt) {
  EXPECT_THAT(ParseTarget("/a?")->query, IsEmpty());
  EXPECT_THAT(ParseTarget("/a?&&")->query, IsEmpty());
  EXPECT_THAT(ParseTarget("/a?b=c#d?e=f")->query, ElementsAre(Pair("b", "c")));
  EXPECT_THAT(ParseTarget("/a?b=c=d?e")->query, ElementsAre(Pair("b", "c=d?e")));
}

TEST(TargetTest, RefusesWhatIsNone) {
  const auto refused = [](absl::string_view text, const char* message) {
    EXPECT_THAT(ParseTarget(text), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message)))
        << text;
  };
  refused("", "neither a path nor");
  refused("*", "neither a path nor");
  refused("guest:8080", "neither a path nor");
  refused("ftp://guest/a", "neither a path nor");
  refused("/%", "two hexadecimal digits");
  refused("/%4", "two hexadecimal digits");
  refused("/%zz", "two hexadecimal digits");
  refused("/a?b=%g0", "two hexadecimal digits");
  refused("/a%00b", "NUL");
  refused("/a?b=c&b=d", "given twice");
}

}  // namespace
}  // namespace voidbox

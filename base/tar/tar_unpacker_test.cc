// What a side takes of a stream that the other side made up. What both do alike is in
// agent/files/transfers_test.cc.
#include "base/tar/tar_unpacker.h"

#include <gtest/gtest.h>

#include <string>

#include "base/status_matchers.h"
#include "base/tar/testing_tree.h"
#include "image/testing/tar_builder.h"

namespace voidbox {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kExhausted = absl::StatusCode::kResourceExhausted;

TarBuilder::Entry File(const std::string& name) { return {.name = name, .data = "x"}; }
TarBuilder::Entry Dir(const std::string& name) { return {.name = name, .type = '5', .data = ""}; }
TarBuilder::Entry Link(const std::string& name, const std::string& target) {
  return {.name = name, .type = '2', .data = "", .link = target};
}

class TarUnpackerTest : public ::testing::Test {
 protected:
  absl::StatusOr<TarCount> Unpack(const std::string& archive, const UnpackOptions& options) {
    bool done = false;
    return UnpackTar(
        [&]() -> absl::StatusOr<absl::string_view> {
          if (std::exchange(done, true)) return absl::string_view();
          return archive;
        },
        options, tree_.root());
  }
  absl::StatusOr<TarCount> Unpack(std::initializer_list<TarBuilder::Entry> entries,
                                  const UnpackOptions& options) {
    TarBuilder builder;
    for (const auto& entry : entries) builder.Add(entry);
    return Unpack(builder.Finish(), options);
  }
  TestingTree tree_;
};

TEST_F(TarUnpackerTest, TakesOnlyTheEntryThatWasAskedFor) {
  const UnpackOptions asked = {.only = "proj"};
  const auto not_asked = StatusIs(kInvalid, HasSubstr("not asked for, which is 'proj'"));
  EXPECT_THAT(Unpack({File(".bashrc")}, asked), not_asked);
  EXPECT_THAT(Unpack({Dir("proj/"), File("proj/a"), File(".bashrc")}, asked), not_asked);
  EXPECT_THAT(Unpack({Dir("proj/"), Dir("./")}, asked), not_asked);
  EXPECT_THAT(Unpack({Dir("./"), Dir("proj/")}, asked), not_asked);
  EXPECT_THAT(Unpack({File("project")}, asked), not_asked);
  EXPECT_THAT(Unpack({File("other/proj")}, asked), not_asked);
  EXPECT_THAT(Unpack({File("proj/a")}, asked), not_asked) << "not before its directory";
  EXPECT_THAT(Unpack({Dir("proj/"), File("proj/a"), Dir("./proj/a/..")}, asked),
              StatusIs(kInvalid, HasSubstr("'..'")));
}

TEST_F(TarUnpackerTest, RefusesTheEntryThatWasAskedForASecondTime) {
  const UnpackOptions asked = {.only = "f"};
  EXPECT_FALSE(Unpack({File("f"), File("f")}, asked).ok());
  EXPECT_FALSE(Unpack({File("f"), File("f/a")}, asked).ok());
  EXPECT_FALSE(Unpack({Dir("f/"), Dir("f/")}, asked).ok());
  EXPECT_FALSE(Unpack({Dir("f/"), File("./f")}, asked).ok());
}

TEST_F(TarUnpackerTest, RenamesTheEntryThatWasAskedFor) {
  ASSERT_THAT(Unpack({Dir("proj/"), File("proj/proj"), Link("proj/l", "proj")},
                     {.links = TarLinks::kInside, .only = "proj", .rename = "new"}),
              IsOk());
  EXPECT_THAT(tree_.Tree(), ElementsAre("d new", "f new/proj x", "l new/l -> proj"));
}

TEST_F(TarUnpackerTest, BoundsBytesAndEntries) {
  EXPECT_THAT(Unpack({File("a"), File("b"), File("c")}, {.limits = {.max_bytes = 2}}),
              StatusIs(kExhausted, HasSubstr("limit of 2 bytes")));
  EXPECT_THAT(Unpack({File("a"), File("b"), File("c")}, {.limits = {.max_entries = 2}}),
              StatusIs(kExhausted, HasSubstr("limit of 2")));
  EXPECT_THAT(Unpack({Link("a", std::string(99, 'x')), Link("b", std::string(99, 'x'))},
                     {.limits = {.max_path_bytes = 200}, .links = TarLinks::kInside}),
              StatusIs(kExhausted, HasSubstr("limit of 200 bytes")));
}

TEST_F(TarUnpackerTest, BoundsWhatFollowsTheArchive) {
  const std::string archive = TarBuilder().Add(File("a")).Finish();
  EXPECT_THAT(Unpack(archive + std::string(20 << 10, '\0'), {}), IsOk());
  bool begun = false;
  const std::string zeroes(1 << 20, '\0');
  EXPECT_THAT(UnpackTar(
                  [&]() -> absl::StatusOr<absl::string_view> {
                    return std::exchange(begun, true) ? zeroes : archive;
                  },
                  {}, tree_.root()),
              StatusIs(kInvalid, HasSubstr("follow its end")));
}

TEST_F(TarUnpackerTest, KeepsNamesByteForByte) {
  // The same letter in two forms, for which other readers make one name; and what is no UTF-8.
  const std::string composed = "\xc3\xa9";
  const std::string decomposed = "e\xcc\x81";
  ASSERT_THAT(Unpack({{.name = "x", .data = "1", .pax = {{"path", composed}}},
                      {.name = "x", .data = "2", .pax = {{"path", decomposed}}},
                      {.name = "x",
                       .type = '2',
                       .data = "",
                       .link = "x",
                       .pax = {{"path", "link"}, {"linkpath", decomposed}}},
                      {.name = "x", .data = "3", .pax = {{"path", "\xe9 caf"}}},
                      {.name = "\xff", .data = "4"}},
                     {.links = TarLinks::kKeep}),
              IsOk());
  EXPECT_THAT(tree_.Tree(), ElementsAre("f " + decomposed + " 2", "f " + composed + " 1",
                                        "f \xe9 caf 3", "f \xff 4", "l link -> " + decomposed));
}

TEST_F(TarUnpackerTest, KeepsLinksAsTheyAreAndWritesThroughNone) {
  ASSERT_THAT(Unpack({Link("etc", "/etc"), Link("up", "../.."), File("f"), Link("f", "f2")},
                     {.links = TarLinks::kKeep}),
              IsOk());
  EXPECT_THAT(tree_.Tree(), ElementsAre("l etc -> /etc", "l f -> f2", "l up -> ../.."));
  EXPECT_THAT(Unpack({Link("l", ".."), File("l/x")}, {.links = TarLinks::kKeep}),
              StatusIs(kInvalid, HasSubstr("leads through a symbolic link")));
  EXPECT_THAT(Unpack({Link("l", ""), File("x")}, {.links = TarLinks::kKeep}),
              StatusIs(kInvalid, HasSubstr("a symbolic link of 0 bytes")));
}

TEST_F(TarUnpackerTest, MakesOnlyLinksThatStayInside) {
  const auto count =
      Unpack({Dir("p/"), Dir("p/bin/"), Dir("p/lib/"), File("p/lib/tool.js"),
              Link("p/bin/tool", "../lib/tool.js"), Link("p/self", "."), Link("p/bin/top", ".."),
              Link("p/later", "not/there"), Link("p/round", "lib/../bin/./tool"),
              Link("p/absolute", "/etc/passwd"), Link("p/up", "../other"), Link("p/again", "../p"),
              Link("p/bin/far", "../../../x"), Link("p/unknown", "later/../x")},
             {.links = TarLinks::kInside, .only = "p"});
  ASSERT_THAT(count, IsOk());
  EXPECT_THAT(tree_.Tree(), ElementsAre("d p", "d p/bin", "d p/lib", "f p/lib/tool.js x",
                                        "l p/bin/tool -> ../lib/tool.js", "l p/bin/top -> ..",
                                        "l p/later -> not/there", "l p/round -> lib/../bin/./tool",
                                        "l p/self -> ."));
  EXPECT_EQ(count->links_not_made, 5u);
  EXPECT_THAT(count->not_made, ElementsAre("'p/absolute' -> '/etc/passwd'", "'p/up' -> '../other'",
                                           "'p/again' -> '../p'", "'p/bin/far' -> '../../../x'",
                                           "'p/unknown' -> 'later/../x'"));
}

// What goes up behind a link goes up from where the link leads.
TEST_F(TarUnpackerTest, LinksThatStayInsideDoNotLeadOutTogether) {
  const auto count =
      Unpack({Dir("p/"), Dir("p/a/"), Dir("p/a/b/"), Link("p/a/b/up", "../.."),
              Link("p/out", "a/b/up/../secret"), Link("p/a/b/up2", "up/.."), File("p/a/f")},
             {.links = TarLinks::kInside, .only = "p"});
  ASSERT_THAT(count, IsOk());
  EXPECT_THAT(count->not_made,
              ElementsAre("'p/out' -> 'a/b/up/../secret'", "'p/a/b/up2' -> 'up/..'"));
}

TEST_F(TarUnpackerTest, ALinkThatIsAskedForAloneIsNotMade) {
  const auto count = Unpack({Link("l", "/etc/passwd")}, {.links = TarLinks::kInside, .only = "l"});
  ASSERT_THAT(count, IsOk());
  EXPECT_EQ(count->links_not_made, 1u);
  EXPECT_THAT(tree_.Tree(), IsEmpty());
}

TEST_F(TarUnpackerTest, ListsSomeOfManyLinks) {
  TarBuilder builder;
  for (int i = 0; i < 100; ++i) builder.Add(Link("l" + std::to_string(i), "/"));
  const auto count = Unpack(builder.Finish(), {.links = TarLinks::kInside});
  ASSERT_THAT(count, IsOk());
  EXPECT_EQ(count->links_not_made, 100u);
  EXPECT_EQ(count->not_made.size(), TarCount::kMaxListed);
}

TEST_F(TarUnpackerTest, TellsOfBytesAndStopsWhenToldTo) {
  uint64_t told = 0;
  ASSERT_THAT(Unpack({File("a"), File("b")}, {.progress =
                                                  [&](uint64_t bytes) {
                                                    told += bytes;
                                                    return absl::OkStatus();
                                                  }}),
              IsOk());
  EXPECT_EQ(told, 2u);
  EXPECT_THAT(
      Unpack({File("a")}, {.progress = [](uint64_t) { return absl::CancelledError("stop"); }}),
      StatusIs(absl::StatusCode::kCancelled, "stop"));
}

}  // namespace
}  // namespace voidbox

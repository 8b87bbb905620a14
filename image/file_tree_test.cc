#include "image/file_tree.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsNull;
using ::testing::NotNull;

class FileTreeTest : public ::testing::Test {
 protected:
  void AddFile(FileTree& tree, absl::string_view path, absl::string_view data = "") {
    ASSERT_THAT(tree.AddFile(path, {.permissions = 0644}, tree.spool().Add(data).value()), IsOk());
  }
  std::vector<std::string> Paths(const FileTree& tree) {
    std::vector<std::string> paths;
    EXPECT_THAT(tree.Visit([&](absl::string_view path, const Inode&) {
      paths.emplace_back(path);
      return absl::OkStatus();
    }),
                IsOk());
    paths.erase(paths.begin());  // the root
    EXPECT_EQ(paths.size(), tree.entries());
    return paths;
  }

  FileTree tree_ = FileTree::Create().value();
};

TEST_F(FileTreeTest, VisitsDirectoriesBeforeWhatIsInThemAndNamesSorted) {
  AddFile(tree_, "b");
  AddFile(tree_, "/a/z");
  AddFile(tree_, "a/B/c");
  AddFile(tree_, "a-b");
  EXPECT_THAT(Paths(tree_), ElementsAre("a", "a/B", "a/B/c", "a/z", "a-b", "b"));
}

TEST_F(FileTreeTest, KeepsWhatAFileIs) {
  const FileMetadata metadata = {
      .permissions = 04755, .uid = 1000, .gid = 100000, .mtime = 5, .xattrs = {{"user.x", "y"}}};
  ASSERT_THAT(tree_.AddFile("f", metadata, tree_.spool().Add("hello").value()), IsOk());
  ASSERT_THAT(tree_.AddSymlink("l", {}, "../x"), IsOk());
  ASSERT_THAT(tree_.AddSpecial("d", {}, FileType::kCharacterDevice, 5, 1), IsOk());
  const Inode& file = *tree_.Find("f");
  EXPECT_EQ(file.metadata.permissions, 04755u);
  EXPECT_EQ(file.metadata.gid, 100000u);
  EXPECT_EQ(file.metadata.xattrs.at("user.x"), "y");
  EXPECT_EQ(tree_.spool().ReadAll(file.contents, 100).value(), "hello");
  EXPECT_EQ(tree_.Find("l")->symlink_target, "../x");
  EXPECT_EQ(tree_.Find("d")->device_major, 5u);
  EXPECT_THAT(tree_.Find("nothing"), IsNull());
}

TEST_F(FileTreeTest, MakesMissingDirectoriesAsRootsOwn) {
  AddFile(tree_, "a/b/c");
  EXPECT_EQ(tree_.Find("a/b")->type, FileType::kDirectory);
  EXPECT_EQ(tree_.Find("a/b")->metadata.permissions, 0755u);
  ASSERT_THAT(tree_.AddDirectory("a/b", {.permissions = 0700, .uid = 7}), IsOk());
  EXPECT_EQ(tree_.Find("a/b")->metadata.uid, 7u);
  EXPECT_THAT(tree_.Find("a/b/c"), NotNull());
}

TEST_F(FileTreeTest, SetsTheRootsOwnMetadata) {
  ASSERT_THAT(tree_.AddDirectory("/", {.permissions = 0700}), IsOk());
  EXPECT_EQ(tree_.root().metadata.permissions, 0700u);
  EXPECT_THAT(tree_.AddSymlink("/", {}, "x"),
              StatusIs(absl::StatusCode::kFailedPrecondition, "path '/': is the root"));
  EXPECT_THAT(tree_.Remove("/"),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("root")));
}

TEST_F(FileTreeTest, ReplacesASubtreeByAFile) {
  AddFile(tree_, "a/b/c");
  AddFile(tree_, "a", "now a file");
  EXPECT_THAT(Paths(tree_), ElementsAre("a"));
  ASSERT_THAT(tree_.AddDirectory("a", {}), IsOk());
  EXPECT_EQ(tree_.Find("a")->type, FileType::kDirectory);
}

TEST_F(FileTreeTest, AFileOnTheWayIsAnError) {
  AddFile(tree_, "a/f");
  EXPECT_THAT(tree_.AddDirectory("a/f/x", {}), StatusIs(absl::StatusCode::kFailedPrecondition,
                                                        "path 'a/f/x': 'f' is not a directory"));
}

TEST_F(FileTreeTest, HardLinksShareAFileAndOutliveTheFirstName) {
  AddFile(tree_, "a", "x");
  ASSERT_THAT(tree_.AddHardLink("d/b", "/a"), IsOk());
  EXPECT_EQ(tree_.Find("d/b"), tree_.Find("a"));
  ASSERT_THAT(tree_.AddHardLink("a", "a"), IsOk());
  ASSERT_THAT(tree_.Remove("a"), IsOk());
  EXPECT_EQ(tree_.Find("d/b")->contents.size, 1u);
}

TEST_F(FileTreeTest, HardLinksNeedAFile) {
  ASSERT_THAT(tree_.AddDirectory("d", {}), IsOk());
  EXPECT_THAT(tree_.AddHardLink("l", "none"),
              StatusIs(absl::StatusCode::kNotFound,
                       "path 'l': its hard link's target 'none' is not there"));
  EXPECT_THAT(tree_.AddHardLink("l", "x/y"), StatusIs(absl::StatusCode::kNotFound, HasSubstr("x")));
  EXPECT_THAT(tree_.AddHardLink("l", "d"),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("'d': is a directory")));
  EXPECT_THAT(tree_.AddHardLink("l", "/"),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("is a directory")));
}

TEST_F(FileTreeTest, FollowsLinksOnTheWayBeneathTheRoot) {
  ASSERT_THAT(tree_.AddSymlink("lib", {}, "./usr/lib"), IsOk());
  ASSERT_THAT(tree_.AddSymlink("etc/out", {}, "../../../../host"), IsOk());
  ASSERT_THAT(tree_.AddSymlink("etc/abs", {}, "/lib"), IsOk());
  AddFile(tree_, "lib/a");
  AddFile(tree_, "etc/out/b");
  AddFile(tree_, "etc/abs/c");
  EXPECT_THAT(Paths(tree_), ElementsAre("etc", "etc/abs", "etc/out", "host", "host/b", "lib", "usr",
                                        "usr/lib", "usr/lib/a", "usr/lib/c"));
  EXPECT_EQ(tree_.Find("lib")->type, FileType::kSymlink);
  EXPECT_EQ(tree_.Resolve("lib"), tree_.Find("usr/lib"));
}

TEST_F(FileTreeTest, AnEntryReplacesALinkAndNotWhatItPointsTo) {
  AddFile(tree_, "target", "kept");
  ASSERT_THAT(tree_.AddSymlink("link", {}, "target"), IsOk());
  AddFile(tree_, "link", "new");
  EXPECT_EQ(tree_.Find("target")->contents.size, 4u);
  EXPECT_EQ(tree_.Find("link")->type, FileType::kRegular);
}

TEST_F(FileTreeTest, CirclesOfLinksEnd) {
  ASSERT_THAT(tree_.AddSymlink("a", {}, "b"), IsOk());
  ASSERT_THAT(tree_.AddSymlink("b", {}, "a"), IsOk());
  EXPECT_THAT(tree_.AddDirectory("a/x", {}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("through over 40 links")));
  EXPECT_THAT(tree_.Resolve("a"), IsNull());
  std::string back_and_forth;
  for (int i = 0; i < 300; ++i) absl::StrAppend(&back_and_forth, "d/../");
  ASSERT_THAT(tree_.AddDirectory("d", {}), IsOk());
  for (const std::string name : {"s1", "s2", "s3"}) {
    ASSERT_THAT(tree_.AddSymlink(name, {}, back_and_forth), IsOk());
  }
  EXPECT_THAT(tree_.AddDirectory("s1/s2/s3/x", {}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("over 1024 steps")));
}

TEST_F(FileTreeTest, RefusesBadLinkTargetsAndDeviceNumbers) {
  EXPECT_THAT(tree_.AddSymlink("l", {}, ""),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("this one has 0 bytes")));
  EXPECT_THAT(tree_.AddSymlink("l", {}, std::string("a\0", 2)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("NUL")));
  EXPECT_THAT(tree_.AddSymlink("l", {}, std::string(4096, 'x')),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("has 4096 bytes")));
  EXPECT_THAT(tree_.AddSpecial("d", {}, FileType::kBlockDevice, 4096, 0),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("4096:0 is beyond")));
}

TEST_F(FileTreeTest, RemovesAndClears) {
  AddFile(tree_, "a/b/c");
  AddFile(tree_, "a/d");
  ASSERT_THAT(tree_.Remove("a/b"), IsOk());
  EXPECT_THAT(Paths(tree_), ElementsAre("a", "a/d"));
  EXPECT_THAT(tree_.Remove("a/b"),
              StatusIs(absl::StatusCode::kNotFound, "path 'a/b' is not there"));
  EXPECT_THAT(tree_.Remove("x/y"), StatusIs(absl::StatusCode::kNotFound, HasSubstr("x/y")));
  ASSERT_THAT(tree_.ClearDirectory("a"), IsOk());
  EXPECT_THAT(Paths(tree_), ElementsAre("a"));
  EXPECT_THAT(tree_.ClearDirectory("x"), StatusIs(absl::StatusCode::kNotFound, HasSubstr("'x'")));
}

TEST_F(FileTreeTest, ALayerHidesOnlyWhatIsLower) {
  AddFile(tree_, "d/lower");
  AddFile(tree_, "d/both", "old");
  AddFile(tree_, "d/e/lower");
  tree_.BeginLayer();
  AddFile(tree_, "d/both", "newer");
  AddFile(tree_, "d/e/upper");
  ASSERT_THAT(tree_.ClearLower("d"), IsOk());
  EXPECT_THAT(Paths(tree_), ElementsAre("d", "d/both", "d/e", "d/e/upper"));
  ASSERT_THAT(tree_.RemoveLower("d/both"), IsOk());
  ASSERT_THAT(tree_.RemoveLower("nothing/here"), IsOk());
  EXPECT_EQ(tree_.Find("d/both")->contents.size, 5u);
  tree_.BeginLayer();
  ASSERT_THAT(tree_.RemoveLower("d/both"), IsOk());
  ASSERT_THAT(tree_.RemoveLower("d/e"), IsOk());
  EXPECT_THAT(Paths(tree_), ElementsAre("d"));
}

// A removal hides the directory and what was in it, whether it stands before or after what the
// layer itself adds there.
TEST_F(FileTreeTest, TheOrderWithinALayerDoesNotMatter) {
  FileTree other = FileTree::Create().value();
  for (FileTree* tree : {&tree_, &other}) {
    ASSERT_THAT(tree->AddDirectory("d", {.permissions = 0700, .uid = 5}), IsOk());
    AddFile(*tree, "d/lower");
    tree->BeginLayer();
  }
  ASSERT_THAT(tree_.RemoveLower("d"), IsOk());
  AddFile(tree_, "d/upper");
  AddFile(other, "d/upper");
  ASSERT_THAT(other.RemoveLower("d"), IsOk());
  EXPECT_THAT(Paths(tree_), ElementsAre("d", "d/upper"));
  EXPECT_EQ(tree_.Digest(), other.Digest());
  EXPECT_EQ(other.Find("d")->metadata.uid, 0u);
}

TEST_F(FileTreeTest, KeepsToItsLimits) {
  FileTree tree = FileTree::Create({.max_entries = 3,
                                    .max_depth = 2,
                                    .max_metadata_bytes = 100,
                                    .max_xattr_bytes = 10,
                                    .spool = {.max_bytes = 8}})
                      .value();
  EXPECT_THAT(tree.AddDirectory("a/b/c", {}),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       "path 'a/b/c' is deeper than the limit of 2 directories"));
  EXPECT_THAT(tree.AddDirectory("x", {.xattrs = {{"user.x", std::string(11, 'v')}}}),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("a value of 11 bytes")));
  EXPECT_THAT(tree.AddSymlink("x", {}, std::string(100, 't')),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("limit of 100 bytes")));
  AddFile(tree, "b/c", "12345678");
  EXPECT_THAT(tree.spool().Add("9"), StatusIs(absl::StatusCode::kResourceExhausted,
                                              "file contents: 8 + 1 bytes in all files are more "
                                              "than the limit of 8"));
  EXPECT_THAT(tree.AddDirectory("d", {}),
              StatusIs(absl::StatusCode::kResourceExhausted, "more entries than the limit of 3"));
}

TEST_F(FileTreeTest, LinksDoNotLeadBeyondTheDepthLimit) {
  FileTree tree = FileTree::Create({.max_depth = 3}).value();
  ASSERT_THAT(tree.AddDirectory("a/b", {}), IsOk());
  ASSERT_THAT(tree.AddSymlink("l", {}, "a/b"), IsOk());
  ASSERT_THAT(tree.AddDirectory("l/c", {}), IsOk());
  EXPECT_THAT(tree.AddDirectory("l/c/d", {}),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("limit of 3")));
  EXPECT_THAT(tree.AddDirectory("l/x/d", {}),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("limit of 3")));
  ASSERT_THAT(tree.AddSymlink("m", {}, std::string(256, 'n')), IsOk());
  EXPECT_THAT(tree.AddDirectory("m/x", {}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("link to a long name")));
}

TEST_F(FileTreeTest, EnsuresADirectoryThroughLinks) {
  ASSERT_THAT(tree_.AddDirectory("a", {.permissions = 0700, .uid = 1}), IsOk());
  ASSERT_THAT(tree_.AddSymlink("there", {}, "a"), IsOk());
  ASSERT_THAT(tree_.AddSymlink("dangling", {}, "../x/y"), IsOk());
  ASSERT_THAT(tree_.AddSymlink("loop", {}, "loop"), IsOk());
  ASSERT_THAT(tree_.AddSymlink("long", {}, std::string(256, 'n')), IsOk());
  AddFile(tree_, "file");
  for (const char* path : {"/", "a", "there", "dangling", "dangling", "there/b"}) {
    EXPECT_THAT(tree_.EnsureDirectory(path, {.permissions = 01750, .uid = 2}), IsOk()) << path;
  }
  EXPECT_THAT(Paths(tree_),
              ElementsAre("a", "a/b", "dangling", "file", "long", "loop", "there", "x", "x/y"));
  EXPECT_EQ(tree_.Find("a")->metadata.uid, 1u);
  EXPECT_EQ(tree_.Find("a/b")->metadata.uid, 2u);
  EXPECT_EQ(tree_.Find("x")->metadata.uid, 0u);
  EXPECT_EQ(tree_.Find("x/y")->metadata.permissions, 01750u);
  tree_.BeginLayer();
  for (const char* path : {"file", "file/x", "loop", "long"}) {
    EXPECT_THAT(tree_.EnsureDirectory(path, {}),
                StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(path)));
  }
}

TEST_F(FileTreeTest, NormalizesTimes) {
  ASSERT_THAT(tree_.AddDirectory("new", {.mtime = 1000}), IsOk());
  ASSERT_THAT(tree_.AddDirectory("new/old", {.mtime = 10}), IsOk());
  ASSERT_THAT(tree_.AddDirectory("negative", {.mtime = -10}), IsOk());
  tree_.NormalizeTimes(500);
  EXPECT_EQ(tree_.Find("new")->metadata.mtime, 500);
  EXPECT_EQ(tree_.Find("new/old")->metadata.mtime, 10);
  EXPECT_EQ(tree_.Find("negative")->metadata.mtime, 0);
}

TEST_F(FileTreeTest, TheDigestIsOfAllThatCounts) {
  const auto digest = [&](absl::string_view data, FileMetadata metadata, bool hard_link) {
    FileTree tree = FileTree::Create().value();
    EXPECT_THAT(tree.AddFile("a", metadata, tree.spool().Add(data).value()), IsOk());
    EXPECT_THAT(hard_link ? tree.AddHardLink("b", "a")
                          : tree.AddFile("b", metadata, tree.spool().Add(data).value()),
                IsOk());
    return tree.Digest();
  };
  const Sha256Digest base = digest("x", {}, true);
  EXPECT_EQ(base, digest("x", {}, true));
  EXPECT_NE(base, digest("y", {}, true));
  EXPECT_NE(base, digest("x", {.uid = 1}, true));
  EXPECT_NE(base, digest("x", {.mtime = 1}, true));
  EXPECT_NE(base, digest("x", {.xattrs = {{"user.a", ""}}}, true));
  EXPECT_NE(base, digest("x", {}, false));
}

}  // namespace
}  // namespace voidbox

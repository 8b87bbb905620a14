#include "image/tar_reader.h"

#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "image/testing/tar_builder.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;
using ::testing::IsNull;
using ::testing::NotNull;
using ::testing::UnorderedElementsAre;
using Devices = TarOptions::Devices;

class TarReaderTest : public ::testing::Test {
 protected:
  absl::StatusOr<TarSummary> Read(const TarBuilder& tar, const TarOptions& options = {}) {
    return ReadTar(StringSource(tar.Finish()), options, tree_);
  }
  absl::Status ReadOne(const TarBuilder::Entry& entry, const TarOptions& options = {}) {
    return Read(TarBuilder().Add(entry), options).status();
  }
  std::string Data(absl::string_view path) {
    const Inode* const inode = tree_.Find(path);
    return inode == nullptr ? "none" : tree_.spool().ReadAll(inode->contents, 1 << 20).value();
  }

  FileTree tree_ = FileTree::Create().value();
};

TEST_F(TarReaderTest, TakesEveryKindOfEntry) {
  const TarSummary summary =
      Read(TarBuilder()
               .Add({.name = "./", .type = '5', .mode = 0711})
               .Add({.name = "./d/", .type = '5', .mode = 01777, .uid = 7, .gid = 8, .mtime = 9})
               .Add({.name = "d/f", .data = "hello", .mode = 04755, .uid = 1000})
               .Add({.name = "d//hard", .type = '1', .link = "./d/f"})
               .Add({.name = "d/soft", .type = '2', .link = "../x"})
               .Add({.name = "p", .type = '6'}))
          .value();
  EXPECT_EQ(summary.entries, 6u);
  EXPECT_EQ(tree_.root().metadata.permissions, 0711u);
  const Inode& directory = *tree_.Find("d");
  EXPECT_EQ(directory.metadata.permissions, 01777u);
  EXPECT_EQ(directory.metadata.uid, 7u);
  EXPECT_EQ(directory.metadata.gid, 8u);
  EXPECT_EQ(directory.metadata.mtime, 9);
  EXPECT_EQ(Data("d/f"), "hello");
  EXPECT_EQ(tree_.Find("d/f")->metadata.permissions, 04755u);
  EXPECT_EQ(tree_.Find("d/hard"), tree_.Find("d/f"));
  EXPECT_EQ(tree_.Find("d/soft")->symlink_target, "../x");
  EXPECT_EQ(tree_.Find("p")->type, FileType::kFifo);
}

TEST_F(TarReaderTest, UnpacksGzipZstdAndXz) {
  const std::string tar = TarBuilder().Add({.name = "f", .data = "hello"}).Finish();
  for (const std::string filter : {"gzip", "zstd", "xz"}) {
    FileTree tree = FileTree::Create().value();
    ASSERT_THAT(ReadTar(StringSource(Pack(tar, filter)), {}, tree), IsOk()) << filter;
    EXPECT_THAT(tree.Find("f"), NotNull());
  }
}

TEST_F(TarReaderTest, TakesLongAndForeignNamesFromPax) {
  const std::string name = "d/" + std::string(200, 'n') + "/\xc3\xa4\xe2\x82\xac";
  ASSERT_THAT(ReadOne({.name = "short", .data = "x", .pax = {{"path", name}}}), IsOk());
  EXPECT_EQ(Data(name), "x");
  ASSERT_THAT(ReadOne({.name = "short", .data = "y", .pax = {{"path", "no UTF-8 \xff\xfe"}}}),
              IsOk());
  EXPECT_EQ(Data("no UTF-8 \xff\xfe"), "y");
}

TEST_F(TarReaderTest, NamesThatDifferOnlyInTheirUnicodeFormAreTwoFiles) {
  ASSERT_THAT(Read(TarBuilder()
                       .Add({.name = "x", .data = "composed", .pax = {{"path", "\xc3\xa9"}}})
                       .Add({.name = "x", .data = "two marks", .pax = {{"path", "e\xcc\x81"}}})),
              IsOk());
  EXPECT_EQ(Data("\xc3\xa9"), "composed");
  EXPECT_EQ(Data("e\xcc\x81"), "two marks");
}

TEST_F(TarReaderTest, KeepsCapabilitiesAndUserAttributesOnly) {
  const TarSummary summary =
      Read(TarBuilder().Add({.name = "f",
                             .pax = {{"SCHILY.xattr.security.capability", std::string("\1\0\2", 3)},
                                     {"SCHILY.xattr.user.note", "x"},
                                     {"SCHILY.xattr.security.selinux", "label"},
                                     {"SCHILY.xattr.trusted.overlay.opaque", "y"}}}))
          .value();
  EXPECT_EQ(summary.dropped.Description(),
            "extended attribute security.selinux of 1 file, extended attribute "
            "trusted.overlay.opaque of 1 file");
  EXPECT_THAT(tree_.Find("f")->metadata.xattrs,
              UnorderedElementsAre(std::pair("security.capability", std::string("\1\0\2", 3)),
                                   std::pair("user.note", "x")));
}

TEST_F(TarReaderTest, KeepsHoles) {
  // GNU's sparse format 1.0: the map stands in front of the data.
  std::string map = "1\n1048576\n4\n";
  map.resize(512, '\0');
  ASSERT_THAT(ReadOne({.name = "s",
                       .data = map + "data",
                       .pax = {{"GNU.sparse.major", "1"},
                               {"GNU.sparse.minor", "0"},
                               {"GNU.sparse.name", "sparse"},
                               {"GNU.sparse.realsize", "2097152"}}}),
              IsOk());
  const FileContents& contents = tree_.Find("sparse")->contents;
  EXPECT_EQ(contents.size, 2097152u);
  ASSERT_EQ(contents.segments.size(), 1u);
  EXPECT_EQ(contents.segments[0].offset, 1048576u);
  EXPECT_EQ(contents.segments[0].length, 4u);
}

TEST_F(TarReaderTest, KeepsAclsAndNamesThoseThatAreNone) {
  const std::string acl = "user::rwx,user:1000:r-x,group::r-x,mask::r-x,other::---";
  const TarSummary summary =
      Read(TarBuilder()
               .Add({.name = "f", .pax = {{"SCHILY.acl.access", acl}}})
               .Add({.name = "d", .type = '5', .pax = {{"SCHILY.acl.default", acl}}})
               .Add({.name = "named",
                     .pax = {{"SCHILY.acl.access",
                              "user::rwx,user:lisa:r-x,group::r-x,mask::r-x,other::---"}}})
               .Add({.name = "bad", .pax = {{"SCHILY.xattr.system.posix_acl_access", "\2"}}}))
          .value();
  const std::string& value = tree_.Find("f")->metadata.xattrs.at("system.posix_acl_access");
  EXPECT_EQ(value.size(), 4u + 5 * 8);
  EXPECT_EQ(tree_.Find("d")->metadata.xattrs.at("system.posix_acl_default"), value);
  EXPECT_TRUE(tree_.Find("named")->metadata.xattrs.empty());
  EXPECT_EQ(summary.dropped.Description(), "extended attribute system.posix_acl_access of 2 files");
  ASSERT_THAT(ReadOne({.name = "again", .pax = {{"SCHILY.xattr.system.posix_acl_access", value}}}),
              IsOk());
  EXPECT_EQ(tree_.Find("again")->metadata.xattrs.at("system.posix_acl_access"), value);
}

TEST_F(TarReaderTest, DroppedAttributesOfManyNamesAreBounded) {
  TarBuilder tar;
  for (int i = 0; i < 100; ++i) {
    tar.Add({.name = "f", .pax = {{"SCHILY.xattr.made.up" + std::to_string(i), "x"}}});
  }
  const DroppedParts dropped = Read(tar).value().dropped;
  EXPECT_EQ(dropped.xattrs.size(), 17u);
  EXPECT_EQ(dropped.xattrs.at("others"), 84u);
}

TEST_F(TarReaderTest, ASlashInFrontSaysNothing) {
  ASSERT_THAT(Read(TarBuilder()
                       .Add({.name = "/", .type = '5', .mode = 0711})
                       .Add({.name = "//srv/f", .data = "F"})
                       .Add({.name = "/srv/g", .type = '1', .link = "/srv/f"})
                       .Add({.name = "h", .type = '1', .link = "./srv//g"})),
              IsOk());
  EXPECT_EQ(tree_.root().metadata.permissions, 0711u);
  EXPECT_EQ(Data("srv/f"), "F");
  EXPECT_EQ(tree_.Find("srv/g"), tree_.Find("srv/f"));
  EXPECT_EQ(tree_.Find("h"), tree_.Find("srv/f"));
}

TEST_F(TarReaderTest, RefusesNamesThatClimbAboveTheRoot) {
  for (const std::string name : {"../escape", "a/../../b", "/..", "./../x"}) {
    EXPECT_THAT(ReadOne({.name = name}),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         "tar entry '" + name + "': its name climbs above the root"));
  }
  EXPECT_EQ(tree_.entries(), 0u);
  ASSERT_THAT(ReadOne({.name = "a/../b/./c", .data = "x"}), IsOk());
  EXPECT_EQ(Data("b/c"), "x");
  EXPECT_THAT(tree_.Find("a"), IsNull());
}

TEST_F(TarReaderTest, LinksWithMoreDotsThanTheirDepthStopAtTheRoot) {
  ASSERT_THAT(Read(TarBuilder()
                       .Add({.name = "etc/x", .data = "X"})
                       .Add({.name = "usr/lib", .type = '5', .mode = 0755})
                       .Add({.name = "lib", .type = '2', .link = "usr/lib"})
                       .Add({.name = "d/soft", .type = '2', .link = "../../../../etc/x"})
                       .Add({.name = "lib/sub/soft", .type = '2', .link = "../../../etc/x"})
                       .Add({.name = "d/hard", .type = '1', .link = "../../../etc/x"})),
              IsOk());
  EXPECT_EQ(tree_.Find("d/soft")->symlink_target, "../../../../etc/x");
  EXPECT_EQ(tree_.Resolve("d/soft"), tree_.Find("etc/x"));
  EXPECT_EQ(tree_.Resolve("usr/lib/sub/soft"), tree_.Find("etc/x"));
  EXPECT_EQ(tree_.Find("d/hard"), tree_.Find("etc/x"));
}

TEST_F(TarReaderTest, RefusesHardLinksToWhatIsNotInTheTree) {
  for (const std::string target : {"/etc/shadow", "../etc/shadow", "etc/shadow"}) {
    EXPECT_THAT(ReadOne({.name = "l", .type = '1', .link = target}),
                StatusIs(absl::StatusCode::kNotFound, HasSubstr("'etc/shadow' is not there")));
  }
  EXPECT_THAT(ReadOne({.name = "l", .type = '1', .link = "/"}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("is a directory")));
}

TEST_F(TarReaderTest, ALayerMayPutADirectoryWhereALowerOneHasAFile) {
  ASSERT_THAT(Read(TarBuilder().Add({.name = "a", .data = "file"}).Add({.name = "d/b"})), IsOk());
  EXPECT_THAT(ReadOne({.name = "a/below"}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("'a' is not a directory")));
  tree_.BeginLayer();
  ASSERT_THAT(Read(TarBuilder()
                       .Add({.name = "a/.wh.nothing"})
                       .Add({.name = "a/.wh..wh..opq"})
                       .Add({.name = "a/b/c", .data = "deep"})
                       .Add({.name = "d/b/e", .data = "deeper"}),
                   {.is_layer = true}),
              IsOk());
  EXPECT_EQ(Data("a/b/c"), "deep");
  EXPECT_EQ(Data("d/b/e"), "deeper");
  EXPECT_EQ(tree_.entries(), 6u);
}

TEST_F(TarReaderTest, WhiteoutsBelowALinkedDirectoryReachWhatItNames) {
  ASSERT_THAT(Read(TarBuilder()
                       .Add({.name = "usr/lib/one"})
                       .Add({.name = "usr/lib/two"})
                       .Add({.name = "usr/bin/three"})
                       .Add({.name = "lib", .type = '2', .link = "usr/lib"})
                       .Add({.name = "bin", .type = '2', .link = "../usr/bin"})),
              IsOk());
  tree_.BeginLayer();
  ASSERT_THAT(Read(TarBuilder()
                       .Add({.name = "lib/.wh.one"})
                       .Add({.name = "bin/.wh..wh..opq"})
                       .Add({.name = "lib/sub/new", .data = "new"}),
                   {.is_layer = true}),
              IsOk());
  EXPECT_THAT(tree_.Find("usr/lib/one"), IsNull());
  EXPECT_THAT(tree_.Find("usr/lib/two"), NotNull());
  EXPECT_THAT(tree_.Find("usr/bin/three"), IsNull());
  EXPECT_EQ(Data("usr/lib/sub/new"), "new");
}

TEST_F(TarReaderTest, LinksInACircleAreAnErrorAndEndNothing) {
  ASSERT_THAT(Read(TarBuilder()
                       .Add({.name = "a", .type = '2', .link = "b"})
                       .Add({.name = "b", .type = '2', .link = "a"})
                       .Add({.name = "self", .type = '2', .link = "self/self"})),
              IsOk());
  tree_.BeginLayer();
  for (const std::string name : {"a/x", "b/c/d", "self/x", "a/.wh.x", "self/.wh..wh..opq"}) {
    EXPECT_THAT(ReadOne({.name = name}, {.is_layer = true}),
                StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("tar entry '" + name)));
  }
  EXPECT_THAT(ReadOne({.name = "h", .type = '1', .link = "a/x"}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("links")));
}

TEST_F(TarReaderTest, GivesEveryUnpackedByteToWhoAsks) {
  const std::string tar =
      TarBuilder().Add({.name = "a", .data = "x"}).Finish() + std::string(3000, '\0') + "behind";
  std::string seen;
  const TarOptions options = {
      .on_unpacked = [&](absl::string_view bytes) { seen.append(bytes.data(), bytes.size()); }};
  ASSERT_THAT(ReadTar(StringSource(Pack(tar, "gzip")), options, tree_), IsOk());
  EXPECT_EQ(seen, tar);
}

TEST_F(TarReaderTest, KeepsTimesBefore1970) {
  ASSERT_THAT(ReadOne({.name = "f", .pax = {{"mtime", "-1.5"}}}), IsOk());
  EXPECT_EQ(tree_.Find("f")->metadata.mtime, -2);
}

TEST_F(TarReaderTest, NamesOfAnyLengthAreBoundedByName) {
  const std::string name(5000, 'n');
  EXPECT_THAT(ReadOne({.name = "x", .pax = {{"path", name}}}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("limit of 4095")));
  EXPECT_THAT(ReadOne({.name = "x", .type = '2', .pax = {{"linkpath", name}}}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("1 to 4095 bytes")));
}

TEST_F(TarReaderTest, DevicesAreDroppedRefusedOrKept) {
  const TarBuilder::Entry device = {.name = "sda", .type = '4', .major = 8, .minor = 1};
  EXPECT_EQ(Read(TarBuilder().Add(device)).value().dropped.devices, 1u);
  EXPECT_THAT(tree_.Find("sda"), IsNull());
  // Another name of what was dropped is dropped as well.
  EXPECT_EQ(Read(TarBuilder()
                     .Add(device)
                     .Add({.name = "sdb", .type = '1', .link = "/sda"})
                     .Add({.name = "sdc", .type = '1', .link = "sdb"}))
                .value()
                .dropped.devices,
            3u);
  EXPECT_THAT(ReadOne(device, {.devices = Devices::kRefuse}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "tar entry 'sda': a device node (8:1) is not allowed"));
  ASSERT_THAT(ReadOne(device, {.devices = Devices::kKeep}), IsOk());
  EXPECT_EQ(tree_.Find("sda")->type, FileType::kBlockDevice);
  EXPECT_EQ(tree_.Find("sda")->device_major, 8u);
}

TEST_F(TarReaderTest, RefusesOwnersThatAreNone) {
  EXPECT_THAT(ReadOne({.name = "f", .pax = {{"uid", "4294967295"}}}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("its owner 4294967295:0 is outside 0 to 4294967294")));
}

TEST_F(TarReaderTest, FindsAnArchiveThatIsCutShort) {
  TarBuilder tar;
  tar.Add({.name = "a", .data = std::string(2000, '\0')}).Add({.name = "b", .data = "x"});
  const std::string whole = tar.Finish();
  ASSERT_THAT(ReadTar(StringSource(whole), {}, tree_), IsOk());
  for (size_t size = 0; size <= tar.WithoutEnd().size(); size += 256) {
    EXPECT_THAT(ReadTar(StringSource(whole.substr(0, size)), {}, tree_),
                StatusIs(absl::StatusCode::kDataLoss, HasSubstr("cut short at byte")))
        << size;
  }
  EXPECT_THAT(ReadTar(StringSource("this is no tar archive"), {}, tree_),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("cut short at byte 22")));
  EXPECT_THAT(ReadTar(StringSource(std::string(2000, 'x')), {}, tree_),
              StatusIs(absl::StatusCode::kDataLoss,
                       "no tar archive, plain or packed with gzip, zstd or xz"));
}

TEST_F(TarReaderTest, AcceptsAnArchiveWithAnyLengthOfEndMark) {
  const TarBuilder tar = TarBuilder().Add({.name = "a", .data = "x"});
  for (const size_t zeroes : {512, 1024, 10240}) {
    EXPECT_THAT(ReadTar(StringSource(tar.WithoutEnd() + std::string(zeroes, '\0')), {}, tree_),
                IsOk());
  }
}

TEST_F(TarReaderTest, RefusesAHeaderWithABadChecksum) {
  std::string tar = TarBuilder().Add({.name = "a"}).Add({.name = "b"}).Finish();
  tar[512] ^= 1;  // of the second header
  EXPECT_THAT(ReadTar(StringSource(tar), {}, tree_),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("damaged")));
}

TEST_F(TarReaderTest, StopsAtTheTreesLimits) {
  FileTree small =
      FileTree::Create({.max_entries = 2, .spool = {.max_bytes = 100, .max_file_bytes = 1000}})
          .value();
  const auto read = [&](const TarBuilder& tar) {
    return ReadTar(StringSource(tar.Finish()), {}, small).status();
  };
  EXPECT_THAT(read(TarBuilder().Add({.name = "big", .data = std::string(1001, 'x')})),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       "tar entry 'big': a size of 1001 bytes is more than the limit of 1000 a "
                       "file"));
  EXPECT_EQ(small.spool().bytes(), 0u);
  EXPECT_THAT(read(TarBuilder().Add({.name = "much", .data = std::string(101, 'x')})),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("tar entry 'much'")));
  EXPECT_THAT(read(TarBuilder().Add({.name = "a/b/c"})),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       "tar entry 'a/b/c': more entries than the limit of 2"));
}

TEST_F(TarReaderTest, StopsABomb) {
  const std::string tar =
      TarBuilder().Add({.name = "zeroes", .data = std::string(4 << 20, '\0')}).Finish();
  const TarOptions options = {.unpack_limits = {.max_ratio = 100, .ratio_free_bytes = 1 << 20}};
  EXPECT_THAT(ReadTar(StringSource(Pack(tar, "gzip")), options, tree_),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("tar entry 'zeroes': ")));
}

TEST_F(TarReaderTest, WhiteoutsAreNamesWhereThereAreNoLayers) {
  ASSERT_THAT(ReadOne({.name = ".wh.a"}), IsOk());
  EXPECT_THAT(tree_.Find(".wh.a"), NotNull());
}

TEST_F(TarReaderTest, WhiteoutsOfALayerRemoveWhatIsLower) {
  ASSERT_THAT(Read(TarBuilder()
                       .Add({.name = "a"})
                       .Add({.name = "d/lower"})
                       .Add({.name = "d/both", .data = "lower"})
                       .Add({.name = "e/lower"})),
              IsOk());
  tree_.BeginLayer();
  ASSERT_THAT(Read(TarBuilder()
                       .Add({.name = "d/both", .data = "upper!"})
                       .Add({.name = ".wh.a"})
                       .Add({.name = "d/.wh..wh..opq"})
                       .Add({.name = ".wh.e"})
                       .Add({.name = ".wh..wh.plnk"})
                       .Add({.name = ".wh.nothing"}),
                   {.is_layer = true}),
              IsOk());
  EXPECT_THAT(tree_.Find("a"), IsNull());
  EXPECT_THAT(tree_.Find("d/lower"), IsNull());
  EXPECT_EQ(Data("d/both"), "upper!");
  EXPECT_THAT(tree_.Find("e"), IsNull());
  EXPECT_EQ(tree_.entries(), 2u);
}

TEST_F(TarReaderTest, RefusesWhiteoutsOfWhatIsNoName) {
  const TarOptions layer = {.is_layer = true};
  EXPECT_THAT(
      ReadOne({.name = "d/.wh."}, layer),
      StatusIs(absl::StatusCode::kInvalidArgument, "tar entry 'd/.wh.': a whiteout of no name"));
  EXPECT_THAT(ReadOne({.name = "d/.wh..."}, layer),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("component . or ..")));
}

}  // namespace
}  // namespace voidbox

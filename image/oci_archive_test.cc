#include "image/oci_archive.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/io.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "image/testing/oci_layout.h"
#include "image/testing/tar_builder.h"

namespace voidbox {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsNull;
using ::testing::NotNull;

class OciArchiveTest : public ::testing::Test {
 protected:
  void TearDown() override { ASSERT_EQ(std::system(("rm -rf " + path_).c_str()), 0); }

  absl::StatusOr<OciImage> ReadArchive(const std::string& archive, const OciOptions& options = {}) {
    EXPECT_THAT(WriteFileAtomically(path_, archive), IsOk());
    return ReadOciImage(path_, options);
  }
  absl::StatusOr<OciImage> ReadDirectory(const OciLayout& layout) {
    ::mkdir(path_.c_str(), 0755);
    ::mkdir((path_ + "/blobs").c_str(), 0755);
    ::mkdir((path_ + "/blobs/sha256").c_str(), 0755);
    for (const auto& [path, data] : layout.files) {
      EXPECT_THAT(WriteFileAtomically(path_ + "/" + path, data), IsOk());
    }
    return ReadOciImage(path_, {});
  }

  const std::string path_ = absl::StrCat(::testing::TempDir(), "/oci-", ::getpid());
  const std::vector<std::string> layers_ = {
      TarBuilder()
          .Add({.name = "bin/sh", .data = "shell", .mode = 0755})
          .Add({.name = "etc/removed"})
          .Add({.name = "var/old"})
          .Finish(),
      TarBuilder()
          .Add({.name = "etc/.wh.removed"})
          .Add({.name = "var/.wh..wh..opq"})
          .Add({.name = "var/new", .data = "new"})
          .Finish(),
      TarBuilder().Add({.name = "bin/link", .type = '1', .link = "bin/sh"}).Finish()};
};

TEST_F(OciArchiveTest, AppliesLayersOfEveryPackingInOrder) {
  for (const std::string packing : {"", "gzip", "zstd"}) {
    OciLayout layout;
    layout.SetIndex({layout.AddImage(layers_, packing)});
    const absl::StatusOr<OciImage> image = ReadArchive(layout.Tar());
    ASSERT_THAT(image, IsOk()) << packing;
    const FileTree& tree = image->tree;
    EXPECT_THAT(tree.Find("etc/removed"), IsNull());
    EXPECT_THAT(tree.Find("var/old"), IsNull());
    EXPECT_THAT(tree.Find("var/new"), NotNull());
    EXPECT_EQ(tree.spool().ReadAll(tree.Find("bin/sh")->contents, 10).value(), "shell");
    EXPECT_EQ(tree.Find("bin/link"), tree.Find("bin/sh"));
    EXPECT_THAT(image->config.env, ElementsAre("A=b"));
    EXPECT_THAT(image->config.cmd, ElementsAre("/bin/sh"));
    EXPECT_EQ(image->layers, 3u);
  }
}

TEST_F(OciArchiveTest, ReadsADirectoryAndAPackedArchiveAlike) {
  OciLayout layout;
  layout.SetIndex({layout.AddImage(layers_, "gzip")});
  const absl::StatusOr<OciImage> directory = ReadDirectory(layout);
  ASSERT_THAT(directory, IsOk());
  TearDown();
  const absl::StatusOr<OciImage> archive = ReadArchive(Pack(layout.Tar(), "gzip"));
  ASSERT_THAT(archive, IsOk());
  EXPECT_EQ(directory->tree.Digest(), archive->tree.Digest());
  EXPECT_EQ(directory->digest, archive->digest);
}

TEST_F(OciArchiveTest, FindsBlobsThatAreAlteredCutShortOrMissing) {
  OciLayout whole;
  whole.SetIndex({whole.AddImage(layers_, "gzip")});
  for (const auto& [path, data] : whole.files) {
    if (path == "index.json") continue;
    OciLayout layout = whole;
    std::string& blob = layout.files[path];
    blob[blob.size() / 2] ^= 1;
    EXPECT_THAT(ReadArchive(layout.Tar()),
                StatusIs(absl::StatusCode::kDataLoss,
                         HasSubstr(path + ": is damaged or cut short: its digest is sha256:")));
    blob = data.substr(0, data.size() - 1);
    EXPECT_THAT(
        ReadArchive(layout.Tar()),
        StatusIs(absl::StatusCode::kDataLoss,
                 HasSubstr(absl::StrCat("has ", blob.size(), " bytes, but ", data.size()))));
    layout.files.erase(path);
    EXPECT_THAT(ReadArchive(layout.Tar()),
                StatusIs(absl::StatusCode::kNotFound, HasSubstr(path + ": is not in the archive")));
  }
}

TEST_F(OciArchiveTest, NamesTheLayerAndTheEntryThatBreakARule) {
  OciLayout layout;
  const std::string bad = TarBuilder().Add({.name = "../x"}).Finish();
  layout.SetIndex({layout.AddImage({layers_[0], bad})});
  EXPECT_THAT(
      ReadArchive(layout.Tar()),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr(absl::StrCat("layer blobs/sha256/", HexOf(bad),
                                      ": tar entry '../x': its name climbs above the root"))));
}

TEST_F(OciArchiveTest, ReadsWhatDockerSaves) {
  const std::string config =
      absl::StrCat(R"({"os":"linux","architecture":"amd64","config":{"User":"7"},)",
                   R"("rootfs":{"diff_ids":["sha256:)", HexOf(layers_[0]), R"(","sha256:)",
                   HexOf(layers_[1]), R"("]}})");
  const std::string name = HexOf(config) + ".json";
  const std::string manifest = absl::StrCat(
      R"([{"Config":")", name, R"(","RepoTags":["x:1"],"Layers":["a/layer.tar","b/layer.tar"]}])");
  const auto archive = [&](const std::string& second) {
    return TarBuilder()
        .Add({.name = name, .data = config})
        .Add({.name = "shared.tar", .data = layers_[0]})
        .Add({.name = "a/layer.tar", .type = '2', .link = "../shared.tar"})
        .Add({.name = "b/layer.tar", .data = second})
        .Add({.name = "manifest.json", .data = manifest})
        .Finish();
  };
  const absl::StatusOr<OciImage> image = ReadArchive(archive(layers_[1]));
  ASSERT_THAT(image, IsOk());
  EXPECT_EQ(image->config.user, "7");
  EXPECT_EQ(image->layers, 2u);
  EXPECT_THAT(image->tree.Find("var/old"), IsNull());
  EXPECT_THAT(ReadArchive(archive(layers_[1]), {.reference = "x:1"}), IsOk());
  EXPECT_THAT(ReadArchive(archive(layers_[1]), {.reference = "x:2"}),
              StatusIs(absl::StatusCode::kNotFound,
                       HasSubstr("no image 'x:2' for linux/amd64 among 'x:1' for linux/amd64")));
  EXPECT_THAT(ReadArchive(archive(layers_[2])),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("b/layer.tar: is damaged")));
}

TEST_F(OciArchiveTest, ReadsDockerArchivesWhoseConfigHasAnyNameAndWhoseLayersArePacked) {
  const std::string config = DockerConfig({layers_[0], layers_[1]});
  const std::vector<std::string> packed = {Pack(layers_[0], "gzip"), Pack(layers_[1], "zstd")};
  for (const std::string& name : {std::string("config.json"), "sha256:" + HexOf(config),
                                  HexOf(config) + ".json", "blobs/sha256/" + HexOf(config)}) {
    const auto image = ReadArchive(DockerArchive(name, config, packed, "a:b"));
    ASSERT_THAT(image, IsOk()) << name;
    EXPECT_EQ(image->digest, HexOf(config));
    EXPECT_THAT(image->tree.Find("var/new"), NotNull());
    EXPECT_THAT(image->tree.Find("var/old"), IsNull());
  }
  EXPECT_THAT(ReadArchive(DockerArchive("sha256:" + HexOf("other"), config, packed, "a:b")),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("is damaged")));
}

TEST_F(OciArchiveTest, HoldsUnpackedLayersAgainstTheirDiffIds) {
  const std::string config = DockerConfig({layers_[0], layers_[1]});
  const auto read = [&](const std::vector<std::string>& layers) {
    return ReadArchive(DockerArchive("config.json", config, layers, "a:b")).status();
  };
  EXPECT_THAT(read({Pack(layers_[0], "gzip"), layers_[1]}), IsOk());
  EXPECT_THAT(read({Pack(layers_[0], "gzip"), Pack(layers_[2], "gzip")}),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("sha256:" + HexOf(layers_[1]))));
  EXPECT_THAT(read({layers_[0], layers_[1] + "behind its end"}),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("is damaged")));
  EXPECT_THAT(read({layers_[0]}), StatusIs(absl::StatusCode::kInvalidArgument,
                                           HasSubstr("1 layers, but the config has digests of 2")));
}

TEST_F(OciArchiveTest, TakesLayersWithoutEndMarkPaddingOrBytes) {
  const std::string open = TarBuilder().Add({.name = "last", .data = "abc"}).WithoutEnd();
  const std::string unpadded = open.substr(0, open.size() - 509);
  for (const std::string packing : {"", "gzip", "zstd"}) {
    OciLayout layout;
    layout.SetIndex({layout.AddImage({layers_[0], "", open, unpadded}, packing)});
    const auto image = ReadArchive(layout.Tar());
    ASSERT_THAT(image, IsOk()) << packing;
    EXPECT_THAT(image->tree.Find("last"), NotNull());
  }
  // What was cut short before its digest was made is cut short all the same.
  OciLayout layout;
  layout.SetIndex({layout.AddImage({unpadded.substr(0, unpadded.size() - 1)})});
  EXPECT_THAT(ReadArchive(layout.Tar()),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("cut short at byte")));
}

TEST_F(OciArchiveTest, ALayerMayHaveADirectoryWhereALowerOneHasAFile) {
  OciLayout layout;
  layout.SetIndex({layout.AddImage({TarBuilder().Add({.name = "a/b", .data = "file"}).Finish(),
                                    TarBuilder().Add({.name = "a/b/c/d", .data = "x"}).Finish()})});
  const auto image = ReadArchive(layout.Tar());
  ASSERT_THAT(image, IsOk());
  EXPECT_THAT(image->tree.Find("a/b/c/d"), NotNull());
}

TEST_F(OciArchiveTest, OpensNothingOutsideADirectory) {
  OciLayout layout;
  layout.SetIndex({layout.AddImage(layers_)});
  ASSERT_THAT(ReadDirectory(layout), IsOk());
  ASSERT_EQ(::unlink((path_ + "/index.json").c_str()), 0);
  ASSERT_EQ(::symlink("/etc/passwd", (path_ + "/index.json").c_str()), 0);
  EXPECT_THAT(ReadOciImage(path_, {}),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("index.json: is a link that leads out of the directory")));
  ASSERT_EQ(::unlink((path_ + "/index.json").c_str()), 0);
  ASSERT_EQ(::mkfifo((path_ + "/index.json").c_str(), 0600), 0);
  EXPECT_THAT(ReadOciImage(path_, {}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not a regular file")));
}

TEST_F(OciArchiveTest, SaysWhatIsNoImage) {
  EXPECT_THAT(ReadArchive(TarBuilder().Add({.name = "a"}).Finish()),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("has neither index.json nor manifest.json")));
  EXPECT_THAT(ReadOciImage("/nonexistent", {}),
              StatusIs(absl::StatusCode::kNotFound, "open: No such file or directory"));
}

TEST_F(OciArchiveTest, ReportsProgressOfLayers) {
  OciLayout layout;
  layout.SetIndex({layout.AddImage(layers_)});
  uint64_t last = 0;
  uint64_t of = 0;
  ASSERT_THAT(
      ReadArchive(layout.Tar(), {.progress =
                                     [&](absl::string_view what, uint64_t done, uint64_t total) {
                                       if (what != "layers") return;
                                       EXPECT_GE(done, last);
                                       last = done;
                                       of = total;
                                     }}),
      IsOk());
  EXPECT_EQ(of, layers_[0].size() + layers_[1].size() + layers_[2].size());
  EXPECT_EQ(last, of);
}

}  // namespace
}  // namespace voidbox

#include "image/oci_archive.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/io.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "image/sha256.h"
#include "image/testing/tar_builder.h"

namespace voidbox {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsNull;
using ::testing::NotNull;

std::string Hex(absl::string_view data) { return HexDigest(Sha256Of(data)); }

// Makes image layouts: files by path, to be written as a directory or as an archive.
class Layout {
 public:
  // Adds a blob and returns a descriptor of it, with more fields when given.
  std::string AddBlob(const std::string& data, const std::string& media_type,
                      const std::string& more = "") {
    files["blobs/sha256/" + Hex(data)] = data;
    return absl::StrCat(R"({"mediaType":")", media_type, R"(","digest":"sha256:)", Hex(data),
                        R"(","size":)", data.size(), more, "}");
  }
  // An image of layers in `packing`; returns its descriptor.
  std::string AddImage(const std::vector<std::string>& layers, const std::string& packing = "",
                       const std::string& architecture = "amd64", const std::string& more = "") {
    std::vector<std::string> descriptors;
    for (const std::string& layer : layers) {
      descriptors.push_back(AddBlob(
          packing.empty() ? layer : Pack(layer, packing),
          "application/vnd.oci.image.layer.v1.tar" + (packing.empty() ? "" : "+" + packing)));
    }
    const std::string config =
        AddBlob(absl::StrCat(R"({"os":"linux","architecture":")", architecture,
                             R"(","config":{"Env":["A=b"],"Cmd":["/bin/sh"]}})"),
                "application/vnd.oci.image.config.v1+json");
    return AddBlob(absl::StrCat(R"({"schemaVersion":2,"config":)", config, R"(,"layers":[)",
                                absl::StrJoin(descriptors, ","), "]}"),
                   "application/vnd.oci.image.manifest.v1+json", more);
  }
  void SetIndex(const std::vector<std::string>& manifests) {
    files["index.json"] = IndexOf(manifests);
  }
  static std::string IndexOf(const std::vector<std::string>& manifests) {
    return absl::StrCat(R"({"schemaVersion":2,"manifests":[)", absl::StrJoin(manifests, ","), "]}");
  }
  std::string Tar() const {
    TarBuilder tar;
    for (const auto& [path, data] : files) tar.Add({.name = path, .data = data});
    return tar.Finish();
  }

  std::map<std::string, std::string> files;
};

std::string Platform(const std::string& architecture) {
  return R"(,"platform":{"os":"linux","architecture":")" + architecture + "\"}";
}
std::string Name(const std::string& name) {
  return R"(,"annotations":{"org.opencontainers.image.ref.name":")" + name + "\"}";
}

class OciArchiveTest : public ::testing::Test {
 protected:
  void TearDown() override { ASSERT_EQ(std::system(("rm -rf " + path_).c_str()), 0); }

  absl::StatusOr<OciImage> ReadArchive(const std::string& archive, const OciOptions& options = {}) {
    EXPECT_THAT(WriteFileAtomically(path_, archive), IsOk());
    return ReadOciImage(path_, options);
  }
  absl::StatusOr<OciImage> ReadDirectory(const Layout& layout) {
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
    Layout layout;
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
  Layout layout;
  layout.SetIndex({layout.AddImage(layers_, "gzip")});
  const absl::StatusOr<OciImage> directory = ReadDirectory(layout);
  ASSERT_THAT(directory, IsOk());
  TearDown();
  const absl::StatusOr<OciImage> archive = ReadArchive(Pack(layout.Tar(), "gzip"));
  ASSERT_THAT(archive, IsOk());
  EXPECT_EQ(directory->tree.Digest(), archive->tree.Digest());
  EXPECT_EQ(directory->digest, archive->digest);
}

TEST_F(OciArchiveTest, ChoosesThePlatformAcrossIndexes) {
  Layout layout;
  const std::string amd64 = layout.AddImage(layers_, "", "amd64", Platform("amd64"));
  const std::string arm64 = layout.AddImage(layers_, "", "arm64", Platform("arm64"));
  const std::string inner =
      layout.AddBlob(Layout::IndexOf({arm64, amd64}), "application/vnd.oci.image.index.v1+json");
  layout.SetIndex({inner});
  EXPECT_THAT(ReadArchive(layout.Tar()), IsOk());
  layout.SetIndex({arm64});
  EXPECT_THAT(ReadArchive(layout.Tar()),
              StatusIs(absl::StatusCode::kNotFound,
                       HasSubstr("no image for linux/amd64 among '' for linux/arm64")));
  layout.SetIndex({layout.AddImage(layers_, "", "riscv64")});
  EXPECT_THAT(ReadArchive(layout.Tar()),
              StatusIs(absl::StatusCode::kNotFound,
                       HasSubstr("the image is for linux/riscv64, not for linux/amd64")));
}

TEST_F(OciArchiveTest, IndexesDoNotNestForEver) {
  Layout layout;
  std::string descriptor = layout.AddImage(layers_);
  for (int i = 0; i < 4; ++i) {
    descriptor = layout.AddBlob(Layout::IndexOf({descriptor}), "index");
  }
  layout.SetIndex({descriptor});
  EXPECT_THAT(ReadArchive(layout.Tar()),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("more than 4 levels")));
}

TEST_F(OciArchiveTest, AsksForANameWhenThereAreSeveral) {
  Layout layout;
  layout.SetIndex({layout.AddImage({layers_[0]}, "", "amd64", Name("one")),
                   layout.AddImage({layers_[0], layers_[1]}, "", "amd64", Name("two"))});
  EXPECT_THAT(
      ReadArchive(layout.Tar()),
      StatusIs(absl::StatusCode::kFailedPrecondition,
               HasSubstr("2 images for linux/amd64, name one of 'one' for /, 'two' for /")));
  EXPECT_EQ(ReadArchive(layout.Tar(), {.reference = "two"}).value().layers, 2u);
  EXPECT_THAT(ReadArchive(layout.Tar(), {.reference = "three"}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no image 'three'")));
}

TEST_F(OciArchiveTest, FindsBlobsThatAreAlteredCutShortOrMissing) {
  Layout whole;
  whole.SetIndex({whole.AddImage(layers_, "gzip")});
  for (const auto& [path, data] : whole.files) {
    if (path == "index.json") continue;
    Layout layout = whole;
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
  Layout layout;
  const std::string bad = TarBuilder().Add({.name = "../x"}).Finish();
  layout.SetIndex({layout.AddImage({layers_[0], bad})});
  EXPECT_THAT(ReadArchive(layout.Tar()),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr(absl::StrCat("layer blobs/sha256/", Hex(bad),
                                              ": tar entry '../x': its name has a component .."))));
}

TEST_F(OciArchiveTest, ReadsWhatDockerSaves) {
  const std::string config =
      absl::StrCat(R"({"os":"linux","architecture":"amd64","config":{"User":"7"},)",
                   R"("rootfs":{"diff_ids":["sha256:)", Hex(layers_[0]), R"(","sha256:)",
                   Hex(layers_[1]), R"("]}})");
  const std::string name = Hex(config) + ".json";
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
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("name one of: x:1")));
  EXPECT_THAT(ReadArchive(archive(layers_[2])),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("b/layer.tar: is damaged")));
}

TEST_F(OciArchiveTest, OpensNothingOutsideADirectory) {
  Layout layout;
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
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/nonexistent")));
}

TEST_F(OciArchiveTest, ReportsProgressOfLayers) {
  Layout layout;
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

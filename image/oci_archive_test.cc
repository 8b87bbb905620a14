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

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsNull;
using ::testing::NotNull;

std::string Platform(const std::string& architecture) {
  return R"(,"platform":{"os":"linux","architecture":")" + architecture + "\"}";
}
std::string Variant(const std::string& variant) {
  return R"(,"platform":{"os":"linux","architecture":"amd64","variant":")" + variant + "\"}";
}
// As containerd, and `docker save` since 25, name an image.
std::string ContainerdName(const std::string& name, const std::string& tag) {
  return R"(,"annotations":{"org.opencontainers.image.ref.name":")" + tag +
         R"(","io.containerd.image.name":")" + name + "\"}";
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

TEST_F(OciArchiveTest, ChoosesThePlatformAcrossIndexes) {
  OciLayout layout;
  const std::string amd64 = layout.AddImage(layers_, "", "amd64", Platform("amd64"));
  const std::string arm64 = layout.AddImage(layers_, "", "arm64", Platform("arm64"));
  const std::string inner =
      layout.AddBlob(OciLayout::IndexOf({arm64, amd64}), "application/vnd.oci.image.index.v1+json");
  layout.SetIndex({inner});
  EXPECT_THAT(ReadArchive(layout.Tar()), IsOk());
  layout.SetIndex({arm64});
  EXPECT_THAT(ReadArchive(layout.Tar()),
              StatusIs(absl::StatusCode::kNotFound,
                       HasSubstr("no image for linux/amd64 among one without a name for "
                                 "linux/arm64 (sha256:")));
  layout.SetIndex({layout.AddImage(layers_, "", "riscv64")});
  EXPECT_THAT(ReadArchive(layout.Tar()),
              StatusIs(absl::StatusCode::kNotFound,
                       HasSubstr("no image for linux/amd64 among one without a name for "
                                 "linux/riscv64")));
}

TEST_F(OciArchiveTest, IndexesDoNotNestForEver) {
  OciLayout layout;
  std::string descriptor = layout.AddImage(layers_);
  for (int i = 0; i < 4; ++i) {
    descriptor = layout.AddBlob(OciLayout::IndexOf({descriptor}), "index");
  }
  layout.SetIndex({descriptor});
  EXPECT_THAT(ReadArchive(layout.Tar()),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("more than 4 levels")));
}

TEST_F(OciArchiveTest, AsksForANameWhenThereAreSeveral) {
  OciLayout layout;
  layout.SetIndex({layout.AddImage({layers_[0]}, "", "amd64", Name("one")),
                   layout.AddImage({layers_[0], layers_[1]}, "", "amd64", Name("two"))});
  EXPECT_THAT(
      ReadArchive(layout.Tar()),
      StatusIs(absl::StatusCode::kFailedPrecondition,
               AllOf(HasSubstr("2 images for linux/amd64, name one of them by --ref with its name "
                               "or digest: 'one' for linux/amd64 (sha256:"),
                     HasSubstr(", 'two' for linux/amd64 (sha256:"))));
  EXPECT_EQ(ReadArchive(layout.Tar(), {.reference = "two"}).value().layers, 2u);
  EXPECT_THAT(ReadArchive(layout.Tar(), {.reference = "three"}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no image 'three'")));
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
  EXPECT_THAT(ReadArchive(layout.Tar()),
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
  for (const std::string name :
       {std::string("config.json"), "sha256:" + HexOf(config), HexOf(config) + ".json",
        "blobs/sha256/" + HexOf(config)}) {
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

TEST_F(OciArchiveTest, FindsTheImageThatIsMeantByAnyOfItsNamesAndDigests) {
  OciLayout layout;
  const std::string app =
      layout.AddImage({layers_[0]}, "", "amd64",
                      ContainerdName("docker.io/library/app:latest", "latest"));
  const std::string db = layout.AddImage({layers_[0], layers_[1]}, "", "amd64",
                                         ContainerdName("docker.io/library/db:latest", "latest"));
  layout.SetIndex({app, db});
  const std::string archive = layout.Tar();
  for (const std::string reference :
       {"db", "db:latest", "library/db", "docker.io/library/db:latest", "docker.io/db"}) {
    const auto image = ReadArchive(archive, {.reference = reference});
    ASSERT_THAT(image, IsOk()) << reference;
    EXPECT_EQ(image->layers, 2u);
  }
  const std::string digest = ReadArchive(archive, {.reference = "db"})->digest;
  for (const std::string& reference :
       {"sha256:" + digest, digest.substr(0, 12), "db@sha256:" + digest}) {
    EXPECT_EQ(ReadArchive(archive, {.reference = reference}).value().layers, 2u) << reference;
  }
  for (const std::string reference : {"", "latest"}) {
    EXPECT_THAT(
        ReadArchive(archive, {.reference = reference}),
        StatusIs(absl::StatusCode::kFailedPrecondition,
                 AllOf(HasSubstr("2 images for linux/amd64"),
                       HasSubstr("docker.io/library/app:latest"),
                       HasSubstr("(sha256:" + digest.substr(0, 12) + ")"))));
  }
  EXPECT_THAT(ReadArchive(archive, {.reference = "dc"}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no image 'dc'")));
}

TEST_F(OciArchiveTest, TheTagsBesideALayoutNameItsImagesToo) {
  OciLayout layout;
  const std::string one = layout.AddImage({layers_[0]});
  // The config of the second image differs from the first one's, as its name says.
  const std::string config = R"({"os":"linux","architecture":"amd64","config":{"User":"7"}})";
  const std::string two = layout.AddBlob(
      absl::StrCat(R"({"schemaVersion":2,"config":)",
                   layout.AddBlob(config, "application/vnd.oci.image.config.v1+json"),
                   R"(,"layers":[]})"),
      "application/vnd.oci.image.manifest.v1+json");
  layout.SetIndex({one, two, two});
  layout.files["manifest.json"] = absl::StrCat(R"([{"Config":"blobs/sha256/)", HexOf(config),
                                               R"(","RepoTags":["me/two:1"],"Layers":[]}])");
  const auto image = ReadArchive(layout.Tar(), {.reference = "docker.io/me/two:1"});
  ASSERT_THAT(image, IsOk());
  EXPECT_EQ(image->config.user, "7");
}

TEST_F(OciArchiveTest, SeveralImagesOfADockerArchiveAreToldApart) {
  const auto config = [&](const std::string& user) {
    return absl::StrCat(R"({"os":"linux","architecture":"amd64","config":{"User":")", user,
                        R"("},"rootfs":{"diff_ids":["sha256:)", HexOf(layers_[0]), R"("]}})");
  };
  const std::string archive =
      TarBuilder()
          .Add({.name = "l.tar", .data = layers_[0]})
          .Add({.name = "1.json", .data = config("1")})
          .Add({.name = "2.json", .data = config("2")})
          .Add({.name = "manifest.json",
                .data = R"([{"Config":"1.json","RepoTags":["one:1"],"Layers":["l.tar"]},)"
                        R"({"Config":"2.json","RepoTags":null,"Layers":["l.tar"]}])"})
          .Finish();
  EXPECT_EQ(ReadArchive(archive, {.reference = "docker.io/library/one:1"}).value().config.user,
            "1");
  EXPECT_EQ(ReadArchive(archive, {.reference = HexOf(config("2"))}).value().config.user, "2");
  EXPECT_THAT(ReadArchive(archive),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("one without a name for linux/amd64 (sha256:" +
                                 HexOf(config("2")).substr(0, 12))));
}

TEST_F(OciArchiveTest, ThePlainPlatformComesBeforeItsVariantsWhichCanBeNamed) {
  OciLayout layout;
  const std::string v3 = layout.AddImage({layers_[0]}, "", "amd64", Variant("v3"));
  const std::string v2 = layout.AddImage({layers_[1]}, "", "amd64", Variant("v2"));
  const std::string plain = layout.AddImage({layers_[0], layers_[1]}, "", "amd64", Platform("amd64"));
  const auto in_an_index = [&](const std::vector<std::string>& manifests) {
    return layout.AddBlob(OciLayout::IndexOf(manifests), "application/vnd.oci.image.index.v1+json");
  };
  for (const bool is_nested : {true, false}) {
    const auto set = [&](const std::vector<std::string>& manifests) {
      layout.SetIndex(is_nested ? std::vector{in_an_index(manifests)} : manifests);
      return layout.Tar();
    };
    EXPECT_EQ(ReadArchive(set({v3, v2, plain})).value().layers, 2u);
    EXPECT_THAT(ReadArchive(set({v3, v2})).value().tree.Find("bin/sh"), IsNull());
    EXPECT_THAT(ReadArchive(set({v3})).value().tree.Find("bin/sh"), NotNull());
    const std::string all = set({plain, v2, v3});
    EXPECT_EQ(ReadArchive(all, {.platform = "linux/amd64/v3"}).value().layers, 1u);
    EXPECT_EQ(ReadArchive(all, {.platform = "linux/amd64"}).value().layers, 2u);
    EXPECT_THAT(ReadArchive(all, {.platform = "linux/amd64/v4"}),
                StatusIs(absl::StatusCode::kNotFound, HasSubstr("for linux/amd64/v4")));
  }
  EXPECT_THAT(ReadArchive(layout.Tar(), {.platform = "linux/arm64"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("none of a guest")));
  // Of one index's images, the first that fits; of an archive's, none before the other.
  const std::string other = layout.AddImage({layers_[0]}, "gzip", "amd64", Platform("amd64"));
  layout.SetIndex({in_an_index({other, plain})});
  EXPECT_EQ(ReadArchive(layout.Tar()).value().layers, 1u);
  layout.SetIndex({other, plain});
  EXPECT_THAT(ReadArchive(layout.Tar()),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("2 images")));
}

TEST_F(OciArchiveTest, PassesByWhatIsNoImage) {
  OciLayout layout;
  const std::string empty = layout.AddBlob("{}", "application/vnd.oci.empty.v1+json");
  const auto artifact = [&](const std::string& layer_type, const std::string& config,
                            const std::string& more, const std::string& descriptor) {
    return layout.AddBlob(
        absl::StrCat(R"({"schemaVersion":2,"config":)", config, R"(,"layers":[)",
                     layout.AddBlob("part", layer_type), "]", more, "}"),
        "application/vnd.oci.image.manifest.v1+json", descriptor);
  };
  const std::string image_config =
      layout.AddBlob("{}", "application/vnd.oci.image.config.v1+json");
  const std::string subject =
      R"(,"artifactType":"a/b","subject":{"digest":"sha256:)" + std::string(64, 'a') + "\"}";
  const std::string image = layout.AddImage(layers_);
  const std::vector<std::string> others = {
      artifact("application/vnd.dev.cosign.simplesigning.v1+json", image_config, "", ""),
      artifact("application/vnd.dev.cosign.simplesigning.v1+json", empty, subject, ""),
      artifact("application/spdx+json", empty, subject, Platform("amd64")),
      artifact("application/vnd.oci.image.layer.v1.tar", empty, "", ""),
      artifact("application/vnd.in-toto+json", image_config, "",
               R"(,"platform":{"os":"unknown","architecture":"unknown"})"),
      layout.AddBlob("{\"fsLayers\":[]}", "application/vnd.docker.distribution.manifest.v1+json")};
  for (const std::string& other : others) {
    layout.SetIndex({other, image});
    const auto read = ReadArchive(layout.Tar());
    ASSERT_THAT(read, IsOk()) << other;
    EXPECT_EQ(read->layers, 3u);
  }
  std::vector<std::string> all = others;
  all.push_back(image);
  layout.SetIndex(all);
  EXPECT_THAT(ReadArchive(layout.Tar()), IsOk());
  layout.SetIndex({others[1]});
  EXPECT_THAT(ReadArchive(layout.Tar()),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("simplesigning")));
}

TEST_F(OciArchiveTest, AnImageThatBelongsToAnotherGivesWayToIt) {
  OciLayout layout;
  const std::string image = layout.AddImage(layers_);
  const std::string config =
      layout.AddBlob(R"({"os":"linux","architecture":"amd64","config":{}})",
                     "application/vnd.oci.image.config.v1+json");
  const std::string attached = layout.AddBlob(
      absl::StrCat(R"({"schemaVersion":2,"config":)", config, R"(,"layers":[],"subject":)", image,
                   "}"),
      "application/vnd.oci.image.manifest.v1+json");
  layout.SetIndex({attached, image});
  EXPECT_EQ(ReadArchive(layout.Tar()).value().layers, 3u);
  layout.SetIndex({attached});
  EXPECT_EQ(ReadArchive(layout.Tar()).value().layers, 0u);
}

TEST_F(OciArchiveTest, AConfigWithoutAPlatformIsForLinux) {
  const std::string archive =
      DockerArchive("config.json", DockerConfig({layers_[0]}, ""), {layers_[0]}, "a:b");
  EXPECT_THAT(ReadArchive(archive), IsOk());
  EXPECT_THAT(ReadArchive(DockerArchive("config.json", DockerConfig({layers_[0]}, "windows"),
                                        {layers_[0]}, "a:b")),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("for windows/amd64")));
}

TEST_F(OciArchiveTest, AnIndexThatNamesTheSameFilesOverAndOverIsBounded) {
  OciLayout layout;
  std::string descriptor = layout.AddImage({layers_[0]});
  for (int i = 0; i < 3; ++i) {
    descriptor = layout.AddBlob(OciLayout::IndexOf(std::vector<std::string>(900, descriptor)),
                                "application/vnd.oci.image.index.v1+json");
  }
  layout.SetIndex({descriptor});
  EXPECT_THAT(ReadArchive(layout.Tar()),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("2000 files")));
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
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/nonexistent")));
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

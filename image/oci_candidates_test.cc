#include "image/oci_candidates.h"

#include <unistd.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/io.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "image/oci_archive.h"
#include "image/testing/oci_layout.h"
#include "image/testing/tar_builder.h"

namespace voidbox {
namespace {

using ::testing::AllOf;
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

// Which image is chosen, seen through the archive that it is read from.
class OciCandidatesTest : public ::testing::Test {
 protected:
  absl::StatusOr<OciImage> ReadArchive(const std::string& archive, const OciOptions& options = {}) {
    EXPECT_THAT(WriteFileAtomically(path_, archive), IsOk());
    absl::StatusOr<OciImage> image = ReadOciImage(path_, options);
    EXPECT_EQ(::unlink(path_.c_str()), 0);
    return image;
  }

  const std::string path_ = absl::StrCat(::testing::TempDir(), "/candidates-", ::getpid());
  const std::vector<std::string> layers_ = {
      TarBuilder().Add({.name = "bin/sh", .data = "shell", .mode = 0755}).Finish(),
      TarBuilder().Add({.name = "var/new", .data = "new"}).Finish(),
      TarBuilder().Add({.name = "bin/link", .type = '1', .link = "bin/sh"}).Finish()};
};

TEST_F(OciCandidatesTest, ChoosesThePlatformAcrossIndexes) {
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

TEST_F(OciCandidatesTest, IndexesDoNotNestForEver) {
  OciLayout layout;
  std::string descriptor = layout.AddImage(layers_);
  for (int i = 0; i < 4; ++i) {
    descriptor = layout.AddBlob(OciLayout::IndexOf({descriptor}), "index");
  }
  layout.SetIndex({descriptor});
  EXPECT_THAT(ReadArchive(layout.Tar()),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("more than 4 levels")));
}

TEST_F(OciCandidatesTest, AsksForANameWhenThereAreSeveral) {
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

TEST_F(OciCandidatesTest, FindsTheImageThatIsMeantByAnyOfItsNamesAndDigests) {
  OciLayout layout;
  const std::string app = layout.AddImage({layers_[0]}, "", "amd64",
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
    EXPECT_THAT(ReadArchive(archive, {.reference = reference}),
                StatusIs(absl::StatusCode::kFailedPrecondition,
                         AllOf(HasSubstr("2 images for linux/amd64"),
                               HasSubstr("docker.io/library/app:latest"),
                               HasSubstr("(sha256:" + digest.substr(0, 12) + ")"))));
  }
  EXPECT_THAT(ReadArchive(archive, {.reference = "dc"}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no image 'dc'")));
}

TEST_F(OciCandidatesTest, TheTagsBesideALayoutNameItsImagesToo) {
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

TEST_F(OciCandidatesTest, SeveralImagesOfADockerArchiveAreToldApart) {
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

TEST_F(OciCandidatesTest, ThePlainPlatformComesBeforeItsVariantsWhichCanBeNamed) {
  OciLayout layout;
  const std::string v3 = layout.AddImage({layers_[0]}, "", "amd64", Variant("v3"));
  const std::string v2 = layout.AddImage({layers_[1]}, "", "amd64", Variant("v2"));
  const std::string plain =
      layout.AddImage({layers_[0], layers_[1]}, "", "amd64", Platform("amd64"));
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

TEST_F(OciCandidatesTest, PassesByWhatIsNoImage) {
  OciLayout layout;
  const std::string empty = layout.AddBlob("{}", "application/vnd.oci.empty.v1+json");
  const auto artifact = [&](const std::string& layer_type, const std::string& config,
                            const std::string& more, const std::string& descriptor) {
    return layout.AddBlob(absl::StrCat(R"({"schemaVersion":2,"config":)", config, R"(,"layers":[)",
                                       layout.AddBlob("part", layer_type), "]", more, "}"),
                          "application/vnd.oci.image.manifest.v1+json", descriptor);
  };
  const std::string image_config = layout.AddBlob("{}", "application/vnd.oci.image.config.v1+json");
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

TEST_F(OciCandidatesTest, AnImageThatBelongsToAnotherGivesWayToIt) {
  OciLayout layout;
  const std::string image = layout.AddImage(layers_);
  const std::string config = layout.AddBlob(R"({"os":"linux","architecture":"amd64","config":{}})",
                                            "application/vnd.oci.image.config.v1+json");
  const std::string attached =
      layout.AddBlob(absl::StrCat(R"({"schemaVersion":2,"config":)", config,
                                  R"(,"layers":[],"subject":)", image, "}"),
                     "application/vnd.oci.image.manifest.v1+json");
  layout.SetIndex({attached, image});
  EXPECT_EQ(ReadArchive(layout.Tar()).value().layers, 3u);
  layout.SetIndex({attached});
  EXPECT_EQ(ReadArchive(layout.Tar()).value().layers, 0u);
}

TEST_F(OciCandidatesTest, AConfigWithoutAPlatformIsForLinux) {
  const std::string archive =
      DockerArchive("config.json", DockerConfig({layers_[0]}, ""), {layers_[0]}, "a:b");
  EXPECT_THAT(ReadArchive(archive), IsOk());
  EXPECT_THAT(ReadArchive(DockerArchive("config.json", DockerConfig({layers_[0]}, "windows"),
                                        {layers_[0]}, "a:b")),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("for windows/amd64")));
}

TEST_F(OciCandidatesTest, AnIndexThatNamesTheSameFilesOverAndOverIsBounded) {
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

}  // namespace
}  // namespace voidbox

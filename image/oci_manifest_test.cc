#include "image/oci_manifest.h"

#include <string>
#include <variant>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string kHex(64, 'a');
const std::string kDigest = "\"digest\":\"sha256:" + kHex + "\"";

TEST(OciManifestTest, ReadsAnIndex) {
  const auto parsed = ParseOciManifest(
      absl::StrCat(R"({"schemaVersion":2,"manifests":[{"mediaType":"m","size":7,)", kDigest,
                   R"(,"platform":{"os":"linux","architecture":"arm64","variant":"v8"},)",
                   R"("annotations":{"org.opencontainers.image.ref.name":"v1",)",
                   R"("io.containerd.image.name":"docker.io/library/app:v1"}}]})"));
  ASSERT_THAT(parsed, IsOk());
  const auto& index = std::get<OciIndex>(*parsed);
  ASSERT_EQ(index.manifests.size(), 1u);
  EXPECT_EQ(index.manifests[0].hex, kHex);
  EXPECT_EQ(index.manifests[0].size, 7u);
  EXPECT_EQ(index.manifests[0].os, "linux");
  EXPECT_EQ(index.manifests[0].architecture, "arm64");
  EXPECT_THAT(index.manifests[0].names, ElementsAre("v1", "docker.io/library/app:v1"));
  EXPECT_EQ(index.manifests[0].variant, "v8");
}

TEST(OciManifestTest, ReadsAManifestAndSaysWhichIsNoImage) {
  const auto manifest = [](absl::string_view type) {
    return ParseOciManifest(absl::StrCat(R"({"config":{)", kDigest, R"(},"layers":[{"mediaType":")",
                                         type, "\",", kDigest, "}]}"));
  };
  for (const std::string type :
       {"application/vnd.oci.image.layer.v1.tar", "application/vnd.oci.image.layer.v1.tar+gzip",
        "application/vnd.oci.image.layer.v1.tar+zstd",
        "application/vnd.docker.image.rootfs.diff.tar.gzip"}) {
    const auto parsed = manifest(type);
    ASSERT_THAT(parsed, IsOk());
    EXPECT_EQ(std::get<OciManifest>(*parsed).layers.size(), 1u);
    EXPECT_EQ(std::get<OciManifest>(*parsed).not_an_image, "");
    EXPECT_FALSE(std::get<OciManifest>(*parsed).is_attached);
  }
  const auto encrypted = manifest("application/vnd.oci.image.layer.v1.tar+encrypted");
  EXPECT_THAT(std::get<OciManifest>(*encrypted).not_an_image, HasSubstr("tar+encrypted"));
  const auto chart = ParseOciManifest(
      absl::StrCat(R"({"config":{"mediaType":"application/vnd.cncf.helm.config.v1+json",)", kDigest,
                   R"(},"layers":[],"artifactType":"chart"})"));
  EXPECT_THAT(std::get<OciManifest>(*chart).not_an_image, HasSubstr("helm"));
  EXPECT_TRUE(std::get<OciManifest>(*chart).is_attached);
}

TEST(OciManifestTest, RefusesWhatCouldBeReadInTwoWays) {
  EXPECT_THAT(ParseOciManifest(R"({"manifests":[],"layers":[]})"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "has the fields of an index and those of a manifest"));
  EXPECT_THAT(ParseOciManifest("{}"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("neither")));
}

TEST(OciManifestTest, RefusesBadFieldsByName) {
  const auto error = [](const std::string& text) {
    return std::string(ParseOciManifest(text).status().message());
  };
  EXPECT_EQ(error("["), "is not json (1 bytes)");
  EXPECT_EQ(error("[]"), "json is not an object");
  EXPECT_EQ(error(R"({"manifests":7})"), "field manifests is of type number, not array");
  EXPECT_EQ(error(R"({"manifests":[7]})"), "field manifests is of type number, not object");
  EXPECT_EQ(error(R"({"manifests":[{"digest":7}]})"), "field digest is of type number, not string");
  EXPECT_THAT(error(R"({"manifests":[{"digest":"sha512:00"}]})"), HasSubstr("'sha512:00' is not"));
  EXPECT_THAT(error(R"({"manifests":[{"digest":"sha256:../../etc/passwd"}]})"),
              HasSubstr("64 hexadecimal digits"));
  EXPECT_THAT(error(absl::StrCat(R"({"manifests":[{)", kDigest, R"(,"size":-1}]})")),
              HasSubstr("field size is of type number, not a number from 0 on"));
  EXPECT_EQ(error(std::string(40, '[')), "json is nested deeper than the limit of 32");
  EXPECT_THAT(error(std::string((4 << 20) + 1, ' ')), HasSubstr("limit of 4194304"));
  std::string many = R"({"manifests":[{})";
  for (int i = 0; i < 1000; ++i) many += ",{}";
  EXPECT_EQ(error(many + "]}"), "field manifests has 1001 elements, more than the limit of 1000");
}

TEST(OciManifestTest, ReadsTheConfig) {
  const OciImageConfig config =
      ParseOciConfig(
          absl::StrCat(R"({"os":"linux","architecture":"amd64","config":{"Env":["A=b","C=d"],)",
                       R"("WorkingDir":"/w","Entrypoint":["/e","x"],"Cmd":["c"],"User":"1:2"},)",
                       R"("rootfs":{"type":"layers","diff_ids":["sha256:)", kHex, R"("]}})"))
          .value();
  EXPECT_EQ(config.os, "linux");
  EXPECT_EQ(config.architecture, "amd64");
  EXPECT_THAT(config.env, ElementsAre("A=b", "C=d"));
  EXPECT_EQ(config.working_dir, "/w");
  EXPECT_THAT(config.entrypoint, ElementsAre("/e", "x"));
  EXPECT_THAT(config.cmd, ElementsAre("c"));
  EXPECT_EQ(config.user, "1:2");
  EXPECT_THAT(config.diff_ids, ElementsAre(kHex));
  const OciImageConfig empty = ParseOciConfig(R"({"config":{"Cmd":null}})").value();
  EXPECT_THAT(empty.cmd, IsEmpty());
  EXPECT_THAT(
      ParseOciConfig(R"({"config":{"Env":"A=b"}})"),
      StatusIs(absl::StatusCode::kInvalidArgument, "field Env is of type string, not array"));
}

TEST(OciManifestTest, ACommandMayBeOneString) {
  const OciImageConfig config =
      ParseOciConfig(R"({"config":{"Entrypoint":"/entry point","Cmd":"x"}})").value();
  EXPECT_THAT(config.entrypoint, ElementsAre("/entry point"));
  EXPECT_THAT(config.cmd, ElementsAre("x"));
  EXPECT_FALSE(ParseOciConfig(R"({"config":{"Cmd":7}})").ok());
}

TEST(OciManifestTest, ReadsAndBoundsVolumes) {
  EXPECT_THAT(ParseOciConfig(R"({"config":{"Volumes":{"/b":{},"/a":null}}})")->volumes,
              ElementsAre("/a", "/b"));
  EXPECT_THAT(ParseOciConfig(R"({"config":{"Volumes":null}})")->volumes, IsEmpty());
  EXPECT_FALSE(ParseOciConfig(R"({"config":{"Volumes":["/a"]}})").ok());
  std::string many = R"({"config":{"Volumes":{"/a":{})";
  for (int i = 0; i < 1000; ++i) absl::StrAppend(&many, ",\"/", i, "\":{}");
  EXPECT_THAT(ParseOciConfig(many + "}}}"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "field Volumes: 1001 are more than the limit of 1000"));
}

TEST(OciManifestTest, ReadsWhatDockerSaves) {
  const auto images =
      ParseDockerManifest(R"([{"Config":"c.json","RepoTags":["a:1"],"Layers":["x/layer.tar"]},)"
                          R"({"Config":"d.json","RepoTags":null,"Layers":[]}])")
          .value();
  ASSERT_EQ(images.size(), 2u);
  EXPECT_EQ(images[0].config, "c.json");
  EXPECT_THAT(images[0].tags, ElementsAre("a:1"));
  EXPECT_THAT(images[0].layers, ElementsAre("x/layer.tar"));
  EXPECT_THAT(ParseDockerManifest("{}"),
              StatusIs(absl::StatusCode::kInvalidArgument, "json is not an array"));
}

}  // namespace
}  // namespace voidbox

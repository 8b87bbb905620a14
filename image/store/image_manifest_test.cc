#include "image/store/image_manifest.h"

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/io.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "image/store/image_name.h"

namespace voidbox {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

ImageManifest Full() {
  return {.name = "debian",
          .flavour = "debian",
          .created_unix_seconds = 1'770'000'000,
          .kernel = {Digest::Of("k"), 1, "vmlinux"},
          .kernel_release = "6.1.192-voidbox",
          .initramfs = BlobReference{Digest::Of("i"), 2, "cpio+gzip"},
          .rootfs = BlobReference{Digest::Of("r"), 3, "ext4"},
          .command_line = "quiet",
          .agent = Digest::Of("a"),
          .minimum_memory_bytes = 64 << 20,
          .inputs = {{"busybox", "1.35", Digest::Of("b")}, {"deno", "", std::nullopt}},
          .packages = {{"libc6", "2.36-9"}},
          .sbom = BlobReference{Digest::Of("s"), 4, "spdx+json"},
          .config = {.environment = {"A=b", "C=", "D=two\nlines\x1b"},
                     .working_directory = "/workspace",
                     .user = "user",
                     .entrypoint = {"/entry", ""},
                     .command = {"-c", "a\tb"}}};
}

TEST(ImageManifestTest, ParsesWhatItWrites) {
  const ImageManifest full = Full();
  const std::string text = SerializeManifest(full);
  const auto parsed = ParseManifest(text);
  ASSERT_THAT(parsed, IsOk());
  EXPECT_EQ(SerializeManifest(*parsed), text);
  EXPECT_EQ(parsed->created_unix_seconds, full.created_unix_seconds);
  EXPECT_TRUE(parsed->has_own_kernel());
  EXPECT_EQ(parsed->rootfs->digest, full.rootfs->digest);
  EXPECT_EQ(parsed->inputs[0].digest, full.inputs[0].digest);
  EXPECT_FALSE(parsed->inputs[1].digest.has_value());
  EXPECT_EQ(parsed->packages[0].version, "2.36-9");
  EXPECT_EQ(parsed->config.environment, full.config.environment);
  EXPECT_EQ(parsed->config.entrypoint, full.config.entrypoint);
  EXPECT_EQ(parsed->config.command, full.config.command);
  EXPECT_EQ(parsed->Blobs().size(), 4u);

  ImageManifest least = {.name = "a", .flavour = "imported", .kernel = full.kernel};
  least.initramfs = full.initramfs;
  const auto small = ParseManifest(SerializeManifest(least));
  ASSERT_THAT(small, IsOk());
  EXPECT_FALSE(small->rootfs.has_value());
  EXPECT_EQ(small->Blobs().size(), 2u);
}

// Such manifests are in people's stores. The file is never changed: its digest is an image's name.
TEST(ImageManifestTest, ReadsWhatTheFirstVersionWrote) {
  const auto text = ReadFile("image/store/image_manifest_v1.golden.json");
  ASSERT_THAT(text, IsOk());
  const auto manifest = ParseManifest(*text);
  ASSERT_THAT(manifest, IsOk());
  EXPECT_EQ(manifest->name, "mine");
  EXPECT_EQ(manifest->flavour, "debian");
  EXPECT_EQ(manifest->created_unix_seconds, 1'769'860'800);
  EXPECT_EQ(manifest->kernel.kind, "vmlinux");
  EXPECT_EQ(manifest->kernel.digest.hex(), std::string(64, '4'));
  EXPECT_EQ(manifest->rootfs->bytes, 431'816'704u);
  EXPECT_EQ(manifest->minimum_memory_bytes, 32u << 20);
  EXPECT_EQ(manifest->config.environment, (std::vector<std::string>{"LANG=C.UTF-8", "EMPTY="}));
  EXPECT_EQ(manifest->config.user, "user");
  EXPECT_FALSE(manifest->has_own_kernel());  // it does not say
  EXPECT_EQ(SerializeManifest(*manifest), *text);
}

TEST(ImageManifestTest, RefusesEachBadFieldByName) {
  const nlohmann::json good = nlohmann::json::parse(SerializeManifest(Full()));
  const std::string long_text(5000, 'x');
  const std::vector<std::pair<std::string, nlohmann::json>> cases = {
      {"/name", "../x"},
      {"/name", 5},
      {"/name", ""},
      {"/flavour", "a\x1b[2J"},
      {"/flavour", "a\xc2\x9b"},
      {"/created", "yesterday"},
      {"/kernel", nlohmann::json::array()},
      {"/kernel/digest", "sha256:12"},
      {"/kernel/digest", "../../etc/passwd"},
      {"/kernel/bytes", -1},
      {"/kernel/bytes", 0},
      {"/kernel/bytes", 1.5},
      {"/kernel/bytes", "1"},
      {"/kernel/bytes", uint64_t{1} << 60},
      {"/kernel/kind", "zimage"},
      {"/kernel/other", 1},
      {"/kernel_release", std::string(65, '6')},
      {"/initramfs/kind", "ext4"},
      {"/rootfs/kind", "xfs"},
      {"/rootfs/bytes", nullptr},
      {"/sbom/kind", "text"},
      {"/command_line", long_text},
      {"/command_line", "a\nb"},
      {"/agent", "x"},
      {"/minimum_memory_bytes", uint64_t{1} << 50},
      {"/inputs", "x"},
      {"/inputs/0", "x"},
      {"/inputs/0/name", ""},
      {"/inputs/0/digest", "sha256:x"},
      {"/packages/0/version", 1},
      {"/config", 1},
      {"/config/environment", nlohmann::json::array({"=x"})},
      {"/config/environment", nlohmann::json::array({"novalue"})},
      {"/config/environment", nlohmann::json::array({1})},
      {"/config/environment", nlohmann::json::array({std::string("A=\0", 3)})},
      {"/config/entrypoint", "text"},
      {"/config/entrypoint", nlohmann::json::array({std::string("a\0b", 3)})},
      {"/config/command", nlohmann::json::array({std::string((128 << 10) + 1, 'x')})},
      {"/config/command", nlohmann::json::array({1})},
      {"/config/working_directory", "relative"},
      {"/config/user", std::string(300, 'u')},
      {"/unknown", 1},
  };
  for (const auto& [pointer, value] : cases) {
    nlohmann::json bad = good;
    bad[nlohmann::json::json_pointer(pointer)] = value;
    const auto parsed = ParseManifest(bad.dump());
    EXPECT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument) << pointer;
    const std::string last = pointer.substr(pointer.rfind('/') + 1);
    if (last != "0") {
      EXPECT_THAT(std::string(parsed.status().message()), HasSubstr(last));
    }
  }
}

TEST(ImageManifestTest, RefusesMissingFields) {
  const nlohmann::json good = nlohmann::json::parse(SerializeManifest(Full()));
  for (const char* name :
       {"schema", "name", "flavour", "created", "kernel", "minimum_memory_bytes"}) {
    nlohmann::json bad = good;
    bad.erase(name);
    EXPECT_THAT(ParseManifest(bad.dump()), StatusIs(absl::StatusCode::kInvalidArgument,
                                                    AllOf(HasSubstr(name), HasSubstr("missing"))));
  }
  nlohmann::json bare = good;
  bare.erase("initramfs");
  bare.erase("rootfs");
  EXPECT_THAT(ParseManifest(bare.dump()),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("one of them is needed")));
}

TEST(ImageManifestTest, TellsALaterSchemaFromADamagedOne) {
  nlohmann::json later = nlohmann::json::parse(SerializeManifest(Full()));
  later["schema"] = 2;
  later["news"] = true;
  EXPECT_THAT(ParseManifest(later.dump()),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("another version")));
}

TEST(ImageManifestTest, RefusesWhatIsNotAManifest) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "not JSON"},
      {"{", "not JSON"},
      {"[]", "not a JSON object"},
      {"{\"name\": \"\xff\"}", "not JSON"},
      {SerializeManifest(Full()) + "{}", "not JSON"},
      {std::string(kMaxManifestBytes + 1, ' '), "limit"},
      {std::string(100'000, '['), "deeper than"},
      {"{\"a\":" + std::string(100'000, '[') + std::string(100'000, ']') + "}", "deeper than"},
  };
  for (const auto& [text, expected] : cases) {
    EXPECT_THAT(ParseManifest(text),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(expected)));
  }
}

TEST(ImageNameTest, AllowsWhatIsSafeAsAFileName) {
  for (const char* name : {"a", "0", "debian", "debian-12.1_x", "a..b"}) {
    EXPECT_THAT(ValidateImageName(name), IsOk());
  }
  EXPECT_THAT(ValidateImageName(std::string(64, 'a')), IsOk());
  for (const std::string& name :
       {std::string(), std::string("."), std::string(".."), std::string("../a"), std::string("a/b"),
        std::string("-rf"), std::string("Debian"), std::string("a b"), std::string("a\n"),
        std::string("a\0b", 3), std::string("\xc3\xa4"), std::string(65, 'a')}) {
    EXPECT_THAT(ValidateImageName(name),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("image name '")));
  }
}

}  // namespace
}  // namespace voidbox

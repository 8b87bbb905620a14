#include "image/store/import_archive.h"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/io.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "image/testing/tar_builder.h"
#include "vmm/boot/testing_images.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;

class ImportArchiveTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = ::testing::TempDir() + "/import_archive";
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
    request_.name = "own";
    request_.kernel = Write("vmlinux", FakeElf().Bytes());
    request_.agent = Write("agent", "agent");
    tar_.Add({.name = "bin", .type = '5', .data = "", .mode = 0755, .mtime = 1000});
    tar_.Add({.name = "bin/sh", .data = "shell", .mode = 0755, .mtime = 2000});
  }
  std::string Write(const std::string& name, const std::string& contents) {
    const std::string path = directory_ + "/" + name;
    EXPECT_THAT(WriteFileAtomically(path, contents), IsOk());
    return path;
  }
  absl::StatusOr<Image> Import() {
    auto store = ImageStore::Open(directory_ + "/home");
    EXPECT_THAT(store, IsOk());
    return ImportArchive(*store, request_, progress_);
  }
  void ExpectRefused(absl::StatusCode code, const std::vector<std::string>& words) {
    const auto imported = Import();
    EXPECT_EQ(imported.status().code(), code) << imported.status();
    for (const std::string& word : words) {
      EXPECT_THAT(std::string(imported.status().message()), HasSubstr(word));
    }
    for (const char* place : {"names", "blobs/sha256", "incoming"}) {
      const std::string path = directory_ + "/home/images/" + place;
      EXPECT_TRUE(!std::filesystem::exists(path) || std::filesystem::is_empty(path)) << place;
    }
  }
  std::string directory_;
  TarBuilder tar_;
  ArchiveImport request_;
  NoProgress progress_;
};

TEST_F(ImportArchiveTest, MakesAnExt4RootOfATar) {
  request_.tar = Write("root.tar", tar_.Finish());
  const auto image = Import();
  ASSERT_THAT(image, IsOk());
  EXPECT_EQ(image->manifest.rootfs->kind, "ext4");
  EXPECT_EQ(image->manifest.agent, Digest::Of("agent"));
  ASSERT_EQ(image->manifest.inputs.size(), 1u);
  EXPECT_EQ(image->manifest.inputs[0].name, "root.tar");
  EXPECT_EQ(image->manifest.inputs[0].digest, Digest::Of(tar_.Finish()));
}

TEST_F(ImportArchiveTest, AModularKernelBringsAnInitramfs) {
  request_.tar = Write("root.tar", tar_.Finish());
  request_.modules = {.directory = directory_, .release = "6.1", .agent = request_.agent};
  ExpectRefused(absl::StatusCode::kNotFound, {"modules in " + directory_, "modules.dep"});
  Write("modules.dep", "virtio_mmio.ko:\n");
  Write("modules.builtin", "vmw_vsock_virtio_transport.ko\nvirtio_blk.ko\next4.ko\n");
  Write("virtio_mmio.ko", "module");
  const auto image = Import();
  ASSERT_THAT(image, IsOk());
  EXPECT_EQ(image->manifest.rootfs->kind, "ext4");
  EXPECT_EQ(image->manifest.initramfs->kind, "cpio");
  EXPECT_EQ(image->manifest.inputs.size(), 2u);
}

TEST_F(ImportArchiveTest, TheSameArchiveGivesTheSameFiles) {
  request_.tar = Write("root.tar", tar_.Finish());
  const auto first = Import();
  ASSERT_THAT(first, IsOk());
  request_.tar = Write("root.tar.gz", Pack(tar_.Finish(), "gzip"));
  request_.replace = true;
  const auto second = Import();
  ASSERT_THAT(second, IsOk());
  EXPECT_EQ(first->manifest.rootfs->digest, second->manifest.rootfs->digest);
}

// An OCI image layout (image-spec, image-layout.md) of one layer.
class OciLayout {
 public:
  explicit OciLayout(std::string path) : path_(std::move(path)) {
    std::filesystem::create_directories(path_ + "/blobs/sha256");
  }
  void Write(const std::string& layer) {
    const nlohmann::json config = {
        {"os", "linux"},
        {"architecture", "amd64"},
        {"config", {{"Env", {"A=b"}}, {"WorkingDir", "/srv"}, {"User", "www"}}},
        {"rootfs", {{"type", "layers"}, {"diff_ids", {Digest::Of(layer).ToString()}}}}};
    const nlohmann::json manifest = {
        {"schemaVersion", 2},
        {"mediaType", "application/vnd.oci.image.manifest.v1+json"},
        {"config", Blob("application/vnd.oci.image.config.v1+json", config.dump())},
        {"layers", {Blob("application/vnd.oci.image.layer.v1.tar", layer)}}};
    const nlohmann::json index = {
        {"schemaVersion", 2},
        {"manifests", {Blob("application/vnd.oci.image.manifest.v1+json", manifest.dump())}}};
    Put("index.json", index.dump());
    Put("oci-layout", R"({"imageLayoutVersion":"1.0.0"})");
  }

 private:
  void Put(const std::string& name, const std::string& bytes) {
    EXPECT_THAT(WriteFileAtomically(path_ + "/" + name, bytes), IsOk());
  }
  nlohmann::json Blob(const std::string& type, const std::string& bytes) {
    const Digest digest = Digest::Of(bytes);
    Put("blobs/sha256/" + digest.hex(), bytes);
    return {{"mediaType", type}, {"digest", digest.ToString()}, {"size", bytes.size()}};
  }
  const std::string path_;
};

TEST_F(ImportArchiveTest, MakesAnExt4RootOfAContainerImage) {
  request_.oci = directory_ + "/layout";
  OciLayout(request_.oci).Write(tar_.Finish());
  const auto image = Import();
  ASSERT_THAT(image, IsOk());
  EXPECT_EQ(image->manifest.inputs[0].name, "layout");
  EXPECT_EQ(image->manifest.config.environment, std::vector<std::string>{"A=b"});
  EXPECT_EQ(image->manifest.config.working_directory, "/srv");
  EXPECT_EQ(image->manifest.config.user, "www");
  const Digest from_oci = image->manifest.rootfs->digest;
  request_.oci.clear();
  request_.tar = Write("root.tar", tar_.Finish());
  request_.replace = true;
  EXPECT_EQ(Import()->manifest.rootfs->digest, from_oci);
}

TEST_F(ImportArchiveTest, RefusesBadArchivesAndLeavesNothing) {
  request_.tar = Write("text", std::string(2000, 'x'));
  ExpectRefused(absl::StatusCode::kDataLoss, {"archive " + request_.tar});
  request_.tar = Write("cut.tar", tar_.WithoutEnd());
  ExpectRefused(absl::StatusCode::kDataLoss, {"archive " + request_.tar});
  tar_.Add({.name = "../escape", .data = "x"});
  request_.tar = Write("escape.tar", tar_.Finish());
  ExpectRefused(absl::StatusCode::kInvalidArgument, {"archive " + request_.tar, "../escape"});
  request_.tar = "/nonexistent";
  ExpectRefused(absl::StatusCode::kNotFound, {"archive /nonexistent"});
  request_.tar = directory_;
  ExpectRefused(absl::StatusCode::kInvalidArgument, {"not a regular file"});
}

TEST_F(ImportArchiveTest, ChecksTheKernelFirst) {
  request_.tar = "/nonexistent";
  request_.kernel = Write("text", "hello");
  ExpectRefused(absl::StatusCode::kInvalidArgument, {"kernel " + request_.kernel});
}

}  // namespace
}  // namespace voidbox

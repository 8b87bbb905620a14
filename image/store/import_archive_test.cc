#include "image/store/import_archive.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/io.h"
#include "base/status_matchers.h"
#include "base/unique_fd.h"
#include "gtest/gtest.h"
#include "image/testing/oci_layout.h"
#include "image/testing/tar_builder.h"
#include "vmm/boot/testing_images.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

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
  // A container image of what tar_ has, with this in its config.
  void WriteLayout(const std::string& run) {
    request_.oci = directory_ + "/layout";
    std::filesystem::create_directories(request_.oci + "/blobs/sha256");
    const OciLayout layout = LayoutOf(tar_.Finish(), run);
    for (const auto& [path, data] : layout.files) Write("layout/" + path, data);
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

// Writes into a FIFO until all is read.
absl::Status WriteThrough(const std::string& path, const std::string& bytes) {
  const UniqueFd pipe(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!pipe) return absl::InternalError("open");
  return WriteAll(pipe.get(), bytes);
}

TEST_F(ImportArchiveTest, MakesAnExt4RootOfAContainerImage) {
  tar_.Add({.name = "etc/passwd", .data = "www:x:33:34::/:/bin/sh\n"});
  WriteLayout(R"({"Env":["A=b","BARE"],"WorkingDir":"bin","User":"www",)"
              R"("Entrypoint":["/bin/sh","-c"],"Cmd":["echo a\necho b"]})");
  const auto image = Import();
  ASSERT_THAT(image, IsOk());
  EXPECT_EQ(image->manifest.inputs[0].name, "layout");
  const ImageConfig& config = image->manifest.config;
  EXPECT_EQ(config.environment, std::vector<std::string>{"A=b"});
  EXPECT_EQ(config.working_directory, "/bin");
  EXPECT_EQ(config.user, "www");
  EXPECT_EQ(config.entrypoint, (std::vector<std::string>{"/bin/sh", "-c"}));
  EXPECT_EQ(config.command, std::vector<std::string>{"echo a\necho b"});
  const Digest from_oci = image->manifest.rootfs->digest;
  request_.oci.clear();
  request_.tar = Write("root.tar", tar_.Finish());
  request_.replace = true;
  EXPECT_EQ(Import()->manifest.rootfs->digest, from_oci);
}

TEST_F(ImportArchiveTest, AWorkingDirectoryThatNoLayerHasIsMade) {
  WriteLayout(R"({"WorkingDir":"/srv/app"})");
  const auto made = Import();
  ASSERT_THAT(made, IsOk());
  // The same tree by hand.
  request_.oci.clear();
  tar_.Add({.name = "srv", .type = '5', .mode = 0755, .mtime = 0});
  tar_.Add({.name = "srv/app", .type = '5', .mode = 0755, .uid = 1000, .gid = 1000, .mtime = 0});
  request_.tar = Write("root.tar", tar_.Finish());
  request_.name = "by-hand";
  EXPECT_EQ(Import()->manifest.rootfs->digest, made->manifest.rootfs->digest);
}

TEST_F(ImportArchiveTest, RefusesAContainerImageWhoseUserOrDirectoryCannotBe) {
  WriteLayout(R"({"User":"nobody"})");
  ExpectRefused(absl::StatusCode::kInvalidArgument,
                {"archive " + request_.oci, "/etc/passwd has no 'nobody'"});
  WriteLayout(R"({"WorkingDir":"/bin/sh"})");
  ExpectRefused(absl::StatusCode::kInvalidArgument,
                {"archive " + request_.oci, "working directory '/bin/sh' cannot be made"});
}

TEST_F(ImportArchiveTest, ATarMayComeOutOfAPipe) {
  request_.tar = Write("root.tar", tar_.Finish());
  const auto from_file = Import();
  ASSERT_THAT(from_file, IsOk());
  const std::string packed = Pack(tar_.Finish(), "gzip");
  request_.tar = directory_ + "/pipe";
  request_.replace = true;
  ASSERT_EQ(::mkfifo(request_.tar.c_str(), 0600), 0);
  std::thread writer([&] { EXPECT_THAT(WriteThrough(request_.tar, packed), IsOk()); });
  const auto from_pipe = Import();
  writer.join();
  ASSERT_THAT(from_pipe, IsOk());
  EXPECT_EQ(from_pipe->manifest.rootfs->digest, from_file->manifest.rootfs->digest);
  EXPECT_EQ(from_pipe->manifest.inputs[0].digest, Digest::Of(packed));
}

TEST_F(ImportArchiveTest, AContainerImageMayComeOutOfAPipe) {
  const std::string archive = LayoutOf(tar_.Finish(), "{}").Tar();
  request_.oci = directory_ + "/pipe";
  ASSERT_EQ(::mkfifo(request_.oci.c_str(), 0600), 0);
  std::thread writer([&] { EXPECT_THAT(WriteThrough(request_.oci, archive), IsOk()); });
  EXPECT_THAT(Import(), IsOk());
  writer.join();
  request_.tar = Write("image.tar", archive);
  request_.oci.clear();
  request_.replace = true;
  EXPECT_THAT(Import(), StatusIs(absl::StatusCode::kInvalidArgument,
                                 HasSubstr("import it with --oci " + request_.tar)));
}

TEST_F(ImportArchiveTest, ATarOfDockerSaveIsRefusedWithAWord) {
  request_.tar =
      Write("image.tar",
            TarBuilder()
                .Add({.name = "config.json", .data = "{}"})
                .Add({.name = "manifest.json", .data = R"([{"Config":"config.json","Layers":[]}])"})
                .Finish());
  ExpectRefused(absl::StatusCode::kInvalidArgument, {"is a container image", "--oci"});
  // A file of that name alone is no sign of one.
  tar_.Add({.name = "manifest.json", .data = "[{\"name\":\"app\"}]"});
  request_.tar = Write("root.tar", tar_.Finish());
  EXPECT_THAT(Import(), IsOk());
}

TEST_F(ImportArchiveTest, TimesOfAnyCenturyGiveTheSameBytesOnAnyDay) {
  tar_.Add({.name = "old", .pax = {{"mtime", "-1000000000"}}});
  tar_.Add({.name = "new", .pax = {{"mtime", "4102444800"}}});  // 2100-01-01
  request_.tar = Write("root.tar", tar_.Finish());
  const auto image = Import();
  ASSERT_THAT(image, IsOk());
  const std::string rootfs =
      directory_ + "/home/images/blobs/sha256/" + image->manifest.rootfs->digest.hex();
  const std::string bytes = ReadFile(rootfs, 256 << 20).value();
  const auto le32 = [&](size_t at) {
    return static_cast<unsigned char>(bytes[at]) | static_cast<unsigned char>(bytes[at + 1]) << 8 |
           static_cast<unsigned char>(bytes[at + 2]) << 16 |
           static_cast<uint32_t>(static_cast<unsigned char>(bytes[at + 3])) << 24;
  };
  // s_mkfs_time of the superblock: not that of a file of tomorrow, nor today's.
  EXPECT_EQ(le32(1024 + 0x108), 1767225600u);
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
  ExpectRefused(absl::StatusCode::kInvalidArgument, {"neither a regular file nor a pipe"});
}

TEST_F(ImportArchiveTest, NamesAnArchiveOnce) {
  for (const bool is_missing : {false, true}) {
    const std::string path = is_missing ? "/nonexistent" : Write("text", std::string(2000, 'x'));
    for (std::string ArchiveImport::*form : {&ArchiveImport::tar, &ArchiveImport::oci}) {
      request_.tar = request_.oci = "";
      request_.*form = path;
      const std::string message(Import().status().message());
      EXPECT_THAT(message, StartsWith("archive " + path + ": "));
      EXPECT_EQ(message.find(path), message.rfind(path)) << message;
    }
  }
}

TEST_F(ImportArchiveTest, ChecksTheKernelFirst) {
  request_.tar = "/nonexistent";
  request_.kernel = Write("text", "hello");
  ExpectRefused(absl::StatusCode::kInvalidArgument, {"kernel " + request_.kernel});
}

}  // namespace
}  // namespace voidbox

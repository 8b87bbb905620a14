#include "image/store/import_files.h"

#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/io.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "image/compress.h"
#include "image/cpio_writer.h"
#include "image/ext4_writer.h"
#include "image/file_tree.h"
#include "image/store/export_image.h"
#include "image/store/preflight.h"
#include "image/testing/tar_builder.h"
#include "vmm/boot/testing_images.h"

namespace voidbox {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ImportFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = ::testing::TempDir() + "/import_files";
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
    request_.name = "own";
    request_.files.kernel = Write("vmlinux", FakeElf().Bytes());
    request_.files.initramfs = Write("initramfs", Archive(1000));
  }
  // An archive of one file with that many bytes.
  static std::string Archive(size_t bytes) {
    CpioWriter writer;
    EXPECT_THAT(writer.AddFile("init", {}, std::string(bytes, 'i')), IsOk());
    return *writer.Finish();
  }
  // A file system with a program at `init`.
  std::string Ext4(const std::string& init = "sbin/init") {
    const std::string path = directory_ + "/ext4";
    auto tree = FileTree::Create();
    EXPECT_THAT(tree, IsOk());
    EXPECT_THAT(tree->AddFile(init, {.permissions = 0755}, *tree->spool().Add("agent")), IsOk());
    EXPECT_THAT(WriteExt4(*tree, path, {}), IsOk());
    return *ReadFile(path, size_t{1} << 30);
  }
  // A vmlinux that says it is this one.
  std::string Kernel(const std::string& release) {
    FakeElf elf;
    elf.contents += "Linux version " + release + " (gcc) #1 SMP";
    return Write("vmlinux-" + release, elf.Bytes());
  }
  // One of mke2fs, with a file /sbin/init.
  std::string MadeExt4(const std::string& flags) {
    const std::string made = directory_ + "/made";
    const std::string script = "rm -rf " + made + "*; mkdir -p " + made + "/sbin; echo agent > " +
                               made + "/sbin/init; chmod 755 " + made +
                               "/sbin/init; /sbin/mke2fs -q -F -t ext4 " + flags + " -d " + made +
                               " " + made + ".ext4 16M >/dev/null 2>&1";
    EXPECT_EQ(std::system(script.c_str()), 0) << script;
    return made + ".ext4";
  }
  std::string Write(const std::string& name, const std::string& contents) {
    const std::string path = directory_ + "/" + name;
    EXPECT_THAT(WriteFileAtomically(path, contents), IsOk());
    return path;
  }
  ImageStore Store() {
    auto store = ImageStore::Open(directory_ + "/home");
    EXPECT_THAT(store, IsOk());
    return *std::move(store);
  }
  absl::StatusOr<Image> Import() {
    ImageStore store = Store();
    return ImportFiles(store, request_, progress_);
  }
  // Each error comes before anything is stored.
  void ExpectRefused(absl::StatusCode code, const std::vector<std::string>& words) {
    const auto imported = Import();
    EXPECT_EQ(imported.status().code(), code) << imported.status();
    for (const std::string& word : words) {
      EXPECT_THAT(std::string(imported.status().message()), HasSubstr(word));
    }
    EXPECT_FALSE(std::filesystem::exists(directory_ + "/home"));
  }
  std::string directory_;
  FileImport request_;
  NoProgress progress_;
};

TEST_F(ImportFilesTest, DescribesWhatItFound) {
  request_.command_line = "quiet a=b";
  const auto image = Import();
  ASSERT_THAT(image, IsOk());
  EXPECT_EQ(image->manifest.flavour, "imported");
  EXPECT_EQ(image->manifest.kernel.kind, "vmlinux");
  EXPECT_EQ(image->manifest.initramfs->kind, "cpio");
  EXPECT_EQ(image->manifest.initramfs->bytes, Archive(1000).size());
  EXPECT_EQ(image->manifest.command_line, "quiet a=b");
  EXPECT_EQ(image->manifest.minimum_memory_bytes, 32u << 20);
  EXPECT_EQ(Store().Find("own")->digest, image->digest);
  EXPECT_THAT(Store().Verify(*image, progress_), IsOk());
}

TEST_F(ImportFilesTest, TakesABzImage) {
  request_.files.kernel = Write("vmlinuz", FakeBzImage().Bytes());
  EXPECT_EQ(Import()->manifest.kernel.kind, "bzimage");
}

TEST_F(ImportFilesTest, ModulesGoBehindTheInitramfsOrMakeOneForARootDisk) {
  Write("modules.dep", "virtio_mmio.ko:\nvmw_vsock_virtio_transport.ko:\n");
  Write("modules.builtin", "virtio_blk.ko\next4.ko\n");
  Write("virtio_mmio.ko", std::string(3 << 20, 'm'));
  Write("vmw_vsock_virtio_transport.ko", "module");
  request_.modules = {.directory = directory_, .release = "6.1", .agent = Write("agent", "agent")};
  const auto image = Import();
  ASSERT_THAT(image, IsOk());
  EXPECT_EQ(image->manifest.initramfs->kind, "cpio");
  EXPECT_GT(image->manifest.initramfs->bytes, Archive(1000).size() + (3 << 20));
  ASSERT_EQ(image->manifest.inputs.size(), 1u);
  EXPECT_EQ(image->manifest.inputs[0].name, "linux-modules");
  EXPECT_THAT(Store().Verify(*image, progress_), IsOk());

  request_.name = "disk";
  request_.files.initramfs.clear();
  request_.files.rootfs = Write("rootfs", Ext4());
  const auto disk = Import();
  ASSERT_THAT(disk, IsOk());
  EXPECT_EQ(disk->manifest.rootfs->kind, "ext4");
  EXPECT_EQ(disk->manifest.initramfs->kind, "cpio");

  // They count when it is asked whether all fits into the memory.
  request_.name = "large";
  request_.memory_bytes = disk->manifest.kernel.bytes + (18 << 20);
  const auto large = Import();
  EXPECT_EQ(large.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(large.status().message()), HasSubstr("do not fit"));
  EXPECT_TRUE(std::filesystem::is_empty(directory_ + "/home/images/incoming"));
}

TEST_F(ImportFilesTest, KnowsTheCompressionsOfAnInitramfs) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"070702", "cpio"},
      {"\x1f\x8b\x08", "cpio+gzip"},
      {"\x02\x21\x4c\x18", "cpio+lz4"},
      {"\x28\xb5\x2f\xfd", "cpio+zstd"},
      {"BZh9", "cpio+bzip2"},
      {"\xfd"
       "7zXZ",
       "cpio+xz"},
  };
  for (const auto& [head, kind] : cases) EXPECT_EQ(InitramfsKind(head), kind);
}

TEST_F(ImportFilesTest, RefusesAKernelOfAnotherArchitecture) {
  FakeElf elf;
  elf.header.e_machine = EM_AARCH64;
  request_.files.kernel = Write("vmlinux", elf.Bytes());
  ExpectRefused(absl::StatusCode::kUnimplemented,
                {"kernel " + request_.files.kernel, "ELF machine 183", "another architecture"});
}

TEST_F(ImportFilesTest, RefusesATruncatedKernel) {
  const std::string elf = FakeElf().Bytes();
  request_.files.kernel = Write("vmlinux", elf.substr(0, elf.size() - 1));
  ExpectRefused(absl::StatusCode::kInvalidArgument, {request_.files.kernel, "truncated"});
  const std::string bzimage = FakeBzImage().Bytes();
  request_.files.kernel = Write("vmlinuz", bzimage.substr(0, bzimage.size() - 16));
  ExpectRefused(absl::StatusCode::kInvalidArgument, {"needs 9728 bytes, the file has 9712"});
}

TEST_F(ImportFilesTest, RefusesWhatIsNoKernel) {
  request_.files.kernel = Write("text", "hello");
  ExpectRefused(absl::StatusCode::kInvalidArgument, {"neither an ELF vmlinux nor a bzImage"});
  request_.files.kernel = Write("empty", "");
  ExpectRefused(absl::StatusCode::kInvalidArgument, {"kernel ", "empty"});
  request_.files.kernel = directory_;
  ExpectRefused(absl::StatusCode::kInvalidArgument, {"not a regular file"});
  request_.files.kernel = directory_ + "/nothing";
  ExpectRefused(absl::StatusCode::kNotFound, {"kernel " + directory_ + "/nothing"});
}

TEST_F(ImportFilesTest, RefusesWhatIsNoInitramfs) {
  request_.files.initramfs = Write("text", "hello");
  ExpectRefused(absl::StatusCode::kInvalidArgument, {"initramfs " + request_.files.initramfs});
  request_.files.initramfs = Write("empty", "");
  ExpectRefused(absl::StatusCode::kInvalidArgument, {"initramfs ", "empty"});
  request_.files.initramfs = Write("cut", Archive(1000).substr(0, 700));
  ExpectRefused(absl::StatusCode::kInvalidArgument, {"initramfs ", "700 bytes", "truncated"});
}

TEST_F(ImportFilesTest, TakesAnExt4FileSystemAsARoot) {
  request_.files.initramfs.clear();
  request_.files.rootfs = Write("rootfs", Ext4());
  const auto image = Import();
  ASSERT_THAT(image, IsOk());
  EXPECT_EQ(image->manifest.rootfs->kind, "ext4");
  EXPECT_EQ(image->manifest.rootfs->bytes, std::filesystem::file_size(request_.files.rootfs));
}

TEST_F(ImportFilesTest, RefusesARootWithoutTheProgramThatTheKernelStarts) {
  request_.files.initramfs.clear();
  request_.files.rootfs = Write("rootfs", Ext4("sbin/other"));
  ExpectRefused(absl::StatusCode::kInvalidArgument,
                {"rootfs " + request_.files.rootfs, "/sbin/init is not there"});
  request_.command_line = "quiet init=/sbin/wrong";
  ExpectRefused(absl::StatusCode::kInvalidArgument, {"/sbin/wrong is not there"});
  // Behind "--" are words for init.
  request_.command_line = "quiet -- init=/sbin/other";
  ExpectRefused(absl::StatusCode::kInvalidArgument, {"/sbin/init is not there"});
  request_.command_line = "quiet init=/sbin/other";
  EXPECT_THAT(Import(), IsOk());
}

TEST_F(ImportFilesTest, AnInitramfsOfOnesOwnMayStartAnything) {
  request_.files.rootfs = Write("rootfs", Ext4("sbin/other"));
  EXPECT_THAT(Import(), IsOk());
  request_.files.initramfs.clear();
  request_.command_line = "root=/dev/vdb";
  request_.name = "elsewhere";
  EXPECT_THAT(Import(), IsOk());
}

TEST_F(ImportFilesTest, ARootHasToBeOneThatItsKernelMounts) {
  request_.files.initramfs.clear();
  request_.files.kernel = Kernel("6.1.192-voidbox");
  for (const char* feature : {"quota", "project", "casefold"}) {
    request_.files.rootfs = MadeExt4(absl::StrCat("-O ", feature));
    ExpectRefused(absl::StatusCode::kInvalidArgument,
                  {"rootfs " + request_.files.rootfs, "ext4: ", feature});
  }
  // What a distribution's kernel has is its own affair.
  request_.files.kernel = Kernel("6.1.0-44-amd64");
  const auto image = Import();
  ASSERT_THAT(image, IsOk());
  EXPECT_EQ(image->manifest.kernel_release, "6.1.0-44-amd64");
  EXPECT_FALSE(image->manifest.has_own_kernel());
  request_.files.kernel = Kernel("6.1.192-voidbox");
  for (const char* feature : {"mmp", "encrypt", "verity", "bigalloc"}) {
    request_.name = feature;
    request_.files.rootfs = MadeExt4(absl::StrCat("-b 4096 -O ", feature));
    const auto taken = Import();
    ASSERT_THAT(taken, IsOk());
    EXPECT_TRUE(taken->manifest.has_own_kernel());
  }
}

TEST_F(ImportFilesTest, OurKernelUnpacksOnlyWhatItHas) {
  request_.files.kernel = Kernel("6.1.192-voidbox");
  const std::vector<std::pair<std::string, std::string>> refused = {
      {"BZh9", "bzip2"},
      {{"\x5d\0\0", 3}, "lzma"},
      {{"\x89LZO\0", 5}, "lzo"},
      {std::string("\xfd") + "7zXZ", "xz"}};
  for (const auto& [magic, packing] : refused) {
    for (const std::string& head : {std::string(), Archive(10)}) {
      request_.files.initramfs = Write("packed", head + magic + std::string(100, 'z'));
      ExpectRefused(absl::StatusCode::kInvalidArgument,
                    {"initramfs " + request_.files.initramfs, "packed with " + packing,
                     "gzip, lz4 -l or zstd"});
    }
    EXPECT_EQ(CheckOwnKernelUnpacks(Write("run", magic + std::string(100, 'z'))).code(),
              absl::StatusCode::kInvalidArgument);
  }
  for (const Compression packing : {Compression::kGzip, Compression::kZstd, Compression::kLz4}) {
    request_.files.initramfs = Write("packed", *Compress(Archive(10), packing));
    request_.replace = true;
    EXPECT_THAT(Import(), IsOk());
    EXPECT_THAT(CheckOwnKernelUnpacks(request_.files.initramfs), IsOk());
  }
  request_.files.kernel = Kernel("6.12.117");
  request_.files.initramfs = Write("packed", Pack(Archive(10), "xz"));
  EXPECT_EQ(Import()->manifest.initramfs->kind, "cpio+xz");
}

TEST_F(ImportFilesTest, RefusesAnInitramfsWithoutInit) {
  CpioWriter writer;
  EXPECT_THAT(writer.AddFile("linuxrc", {}, "agent"), IsOk());
  const std::string other = *writer.Finish();
  for (const std::string& bytes : {other, Pack(other, "gzip"), Pack(other, "zstd")}) {
    request_.files.initramfs = Write("other", bytes);
    ExpectRefused(absl::StatusCode::kInvalidArgument,
                  {"initramfs " + request_.files.initramfs, "no /init", "rdinit="});
  }
  const std::string packed = Pack(Archive(100'000), "gzip");
  request_.files.initramfs = Write("cut", packed.substr(0, packed.size() - 20));
  ExpectRefused(absl::StatusCode::kDataLoss,
                {"initramfs " + request_.files.initramfs, "cut short"});
  // With another name for it, or a root file system to go on to, all is as the kernel finds it.
  request_.files.initramfs = Write("other", other);
  request_.command_line = "rdinit=/linuxrc";
  EXPECT_THAT(Import(), IsOk());
  request_.command_line.clear();
  request_.name = "both";
  request_.files.rootfs = Write("root", Ext4());
  EXPECT_THAT(Import(), IsOk());
}

TEST_F(ImportFilesTest, ARootDiskIsCheckedForItsUse) {
  const std::string rootfs = MadeExt4("-O sparse_super2");
  EXPECT_THAT(CheckRootDisk(rootfs, {}), IsOk());
  EXPECT_THAT(CheckRootDisk(rootfs, {.disk_bytes = 1 << 30}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("rootfs " + rootfs), HasSubstr("cannot grow"),
                             HasSubstr("sparse_super2"))));
  const std::string quota = MadeExt4("-O quota");
  EXPECT_THAT(CheckRootDisk(quota, {}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("quota")));
  EXPECT_THAT(CheckRootDisk(quota, {.own_kernel = false}), IsOk());
  EXPECT_THAT(CheckRootDisk(Write("zeros", std::string(1 << 16, '\0')), {.words = "quiet"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not an ext4 file system")));
  EXPECT_THAT(CheckRootDisk("/nonexistent", {.words = "rootfstype=squashfs"}), IsOk());
}

TEST_F(ImportFilesTest, RefusesARootThatIsNoExt4FileSystem) {
  request_.files.rootfs = Write("short", "hello");
  ExpectRefused(absl::StatusCode::kInvalidArgument, {"rootfs ", "5 bytes", "2048"});
  request_.files.rootfs = Write("zeros", std::string(1 << 16, '\0'));
  ExpectRefused(absl::StatusCode::kInvalidArgument, {"rootfs ", "0xef53"});
  request_.files.rootfs = Write("cut", Ext4().substr(0, 60'000));
  ExpectRefused(absl::StatusCode::kInvalidArgument,
                {"rootfs ", "blocks of 4096 bytes", "60000 bytes", "cut short"});
}

TEST_F(ImportFilesTest, RefusesAnInitramfsThatDoesNotFit) {
  request_.memory_bytes = 32 << 20;
  request_.files.initramfs = Write("big", Archive(20 << 20));
  ExpectRefused(
      absl::StatusCode::kInvalidArgument,
      {"initramfs ", absl::StrCat(Archive(20 << 20).size(), " bytes do not fit"), "32 MiB"});
  request_.memory_bytes = 64 << 20;
  EXPECT_EQ(Import()->manifest.minimum_memory_bytes, 38u << 20);
}

TEST_F(ImportFilesTest, RefusesAnImageWithoutARoot) {
  request_.files.initramfs.clear();
  ExpectRefused(absl::StatusCode::kInvalidArgument, {"--initramfs or --rootfs"});
}

TEST_F(ImportFilesTest, RefusesABadCommandLine) {
  request_.command_line = std::string(2048, 'x');
  ExpectRefused(absl::StatusCode::kInvalidArgument, {"2048 bytes", "limit is 2047"});
  request_.command_line = "a\nb";
  ExpectRefused(absl::StatusCode::kInvalidArgument, {"printable"});
}

TEST_F(ImportFilesTest, ExportsTheSameBytes) {
  request_.files.initramfs = Write("initramfs.gz", Pack(Archive(1000), "gzip"));
  const auto image = Import();
  ASSERT_THAT(image, IsOk());
  const std::string target = directory_ + "/a/b";
  const auto paths = ExportImage(Store(), *image, target, false, progress_);
  ASSERT_THAT(paths, IsOk());
  EXPECT_EQ(*paths, (std::vector<std::string>{target + "/vmlinux", target + "/initramfs.cpio.gz",
                                              target + "/manifest.json"}));
  EXPECT_TRUE(*ReadFile(target + "/vmlinux") == *ReadFile(request_.files.kernel));
  EXPECT_TRUE(*ReadFile(target + "/initramfs.cpio.gz") == *ReadFile(request_.files.initramfs));
  EXPECT_EQ(*ReadFile(target + "/manifest.json"), SerializeManifest(image->manifest));
  EXPECT_THAT(ExportImage(Store(), *image, target, false, progress_),
              StatusIs(absl::StatusCode::kAlreadyExists,
                       AllOf(HasSubstr("vmlinux"), HasSubstr("--force"))));
  EXPECT_THAT(ExportImage(Store(), *image, target, true, progress_), IsOk());
}

TEST_F(ImportFilesTest, AnExportOfADamagedBlobLeavesNothing) {
  const auto image = Import();
  ASSERT_THAT(image, IsOk());
  const std::string path = *Store().PathOf(*image->manifest.initramfs);
  std::filesystem::remove(path);
  ASSERT_THAT(WriteFileAtomically(path, std::string(image->manifest.initramfs->bytes, 'x')),
              IsOk());
  const std::string target = directory_ + "/target";
  EXPECT_THAT(ExportImage(Store(), *image, target, false, progress_),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("was altered")));
  EXPECT_TRUE(std::filesystem::is_empty(target));
}

}  // namespace
}  // namespace voidbox

#include "image/kernel_modules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/io.h"
#include "base/kernel_module_list.h"
#include "base/status_matchers.h"
#include "image/compress.h"

namespace voidbox {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class KernelModulesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = absl::StrCat(::testing::TempDir(), "/modules");
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_ + "/kernel");
    Write("modules.dep",
          "kernel/virtio.ko:\nkernel/virtio_mmio.ko.zst: kernel/virtio.ko\n"
          "kernel/vsock.ko.gz: kernel/virtio.ko\n"
          "kernel/vmw_vsock_virtio_transport.ko: kernel/vsock.ko.gz kernel/virtio.ko\n");
    Write("modules.builtin", "kernel/fs/ext4/ext4.ko\n");
    Write("kernel/virtio.ko", "virtio");
    Write("kernel/virtio_mmio.ko.zst", *Compress("mmio", Compression::kZstd));
    Write("kernel/vsock.ko.gz", *Compress("vsock", Compression::kGzip));
    Write("kernel/vmw_vsock_virtio_transport.ko", "transport");
  }
  void Write(const std::string& name, const std::string& contents) {
    ASSERT_THAT(WriteFileAtomically(absl::StrCat(directory_, "/", name), contents), IsOk());
  }
  absl::StatusOr<size_t> Add(bool root_disk = false, const std::string& kernel_release = "") {
    return AddKernelModules({.directory = directory_,
                             .release = "6.1.0-56-amd64",
                             .kernel_release = kernel_release,
                             .root_disk = root_disk},
                            tree_);
  }
  std::string Contents(const std::string& path) {
    const Inode* const file = tree_.Find(path);
    if (file == nullptr) return "nothing at " + path;
    return *tree_.spool().ReadAll(file->contents, 1 << 20);
  }
  std::string directory_;
  FileTree tree_ = FileTree::Create().value();
};

TEST_F(KernelModulesTest, ModulesAreUnpackedAndListedInOrder) {
  const auto added = Add();
  ASSERT_THAT(added, IsOk());
  EXPECT_EQ(*added, 4u);
  const std::string kernel = "/lib/modules/6.1.0-56-amd64/kernel/";
  EXPECT_EQ(Contents(kKernelModuleList),
            absl::StrCat(kernel, "virtio.ko\n", kernel, "virtio_mmio.ko\n", kernel, "vsock.ko\n",
                         kernel, "vmw_vsock_virtio_transport.ko\n"));
  EXPECT_EQ(Contents(kernel + "virtio.ko"), "virtio");
  EXPECT_EQ(Contents(kernel + "virtio_mmio.ko"), "mmio");
  EXPECT_EQ(Contents(kernel + "vsock.ko"), "vsock");
  EXPECT_EQ(Contents(kernel + "vmw_vsock_virtio_transport.ko"), "transport");
}

TEST_F(KernelModulesTest, AKernelWithAllBuiltInNeedsNone) {
  Write("modules.dep", "");
  Write("modules.builtin",
        "a/virtio_mmio.ko\na/vmw_vsock_virtio_transport.ko\na/virtio_blk.ko\na/ext4.ko\n");
  const auto added = Add(/*root_disk=*/true);
  ASSERT_THAT(added, IsOk());
  EXPECT_EQ(*added, 0u);
  EXPECT_EQ(tree_.entries(), 0u);
}

TEST_F(KernelModulesTest, WhatAGuestNeedsMustBeThere) {
  EXPECT_THAT(Add(/*root_disk=*/true),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr(directory_), HasSubstr("has virtio_blk neither"))));
  Write("modules.dep", "kernel/virtio_mmio.ko:\n");
  EXPECT_THAT(Add(), StatusIs(absl::StatusCode::kFailedPrecondition,
                              HasSubstr("has vmw_vsock_virtio_transport neither")));
}

// As modinfo(8) shows it, between other texts.
std::string Module(const std::string& release) {
  return std::string("\x7f\0license=GPL\0vermagic=", 23) + release +
         std::string(" SMP mod_unload \0name=x\0", 24);
}

TEST_F(KernelModulesTest, ModulesOfAnotherReleaseAreRefusedWithBothNamed) {
  Write("kernel/vsock.ko.gz", *Compress(Module("6.12.95"), Compression::kGzip));
  const auto refused = [](const std::string& own, const std::string& kernel) {
    return StatusIs(absl::StatusCode::kInvalidArgument,
                    AllOf(HasSubstr("kernel/"), HasSubstr("of kernel " + own),
                          HasSubstr("the kernel is " + kernel)));
  };
  EXPECT_THAT(Add(false, "6.12.117"), refused("6.12.95", "6.12.117"));
  EXPECT_THAT(Add(false, "6.12.9"), refused("6.12.95", "6.12.9"));
  EXPECT_THAT(Add(false, "6.12.95"), IsOk());
  // A kernel that does not say what it is: they have to agree.
  EXPECT_THAT(Add(false, ""), IsOk());
  Write("kernel/virtio.ko", Module("6.12.96"));
  EXPECT_THAT(Add(false, ""), refused("6.12.95", "6.12.96"));
}

TEST_F(KernelModulesTest, NothingOutsideOfTheDirectoryIsRead) {
  const std::string module = directory_ + "/kernel/virtio.ko";
  ASSERT_EQ(::unlink(module.c_str()), 0);
  ASSERT_EQ(::symlink("/etc/passwd", module.c_str()), 0);
  EXPECT_THAT(Add(), StatusIs(absl::StatusCode::kFailedPrecondition,
                              HasSubstr("kernel/virtio.ko: is a link that leads out")));
}

TEST_F(KernelModulesTest, DamagedAndMissingFilesAreNamed) {
  Write("kernel/virtio_mmio.ko.zst", Compress("mmio", Compression::kZstd)->substr(0, 8));
  EXPECT_THAT(Add(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("kernel/virtio_mmio.ko.zst")));
  ASSERT_EQ(::unlink((directory_ + "/modules.dep").c_str()), 0);
  EXPECT_THAT(Add(), StatusIs(absl::StatusCode::kNotFound, HasSubstr("modules.dep")));
  std::filesystem::remove_all(directory_);
  EXPECT_THAT(Add(), StatusIs(absl::StatusCode::kNotFound, HasSubstr(directory_)));
}

TEST_F(KernelModulesTest, AModuleThatUnpacksToNoEndIsStopped) {
  Write("kernel/virtio_mmio.ko.zst",
        *Compress(std::string((64 << 20) + 1, '\0'), Compression::kZstd));
  EXPECT_THAT(Add(), StatusIs(absl::StatusCode::kResourceExhausted,
                              HasSubstr("kernel/virtio_mmio.ko.zst")));
}

TEST_F(KernelModulesTest, AReleaseIsADirectorysName) {
  EXPECT_THAT(ValidateKernelRelease("6.1.0-56-amd64"), IsOk());
  EXPECT_THAT(ValidateKernelRelease("6.6.1+~rc2_x"), IsOk());
  for (const std::string& release : {std::string(""), std::string("../x"), std::string("a/b"),
                                     std::string(65, 'a'), std::string("a\n")}) {
    EXPECT_THAT(ValidateKernelRelease(release),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("kernel release '")))
        << release;
  }
}

}  // namespace
}  // namespace voidbox

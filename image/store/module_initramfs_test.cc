#include "image/store/module_initramfs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/io.h"
#include "base/status_matchers.h"

namespace voidbox {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class ModuleInitramfsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = absl::StrCat(::testing::TempDir(), "/module_initramfs");
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
    Write("modules.dep",
          "virtio_mmio.ko:\nvmw_vsock_virtio_transport.ko:\nvirtio_blk.ko:\next4.ko:\n");
    Write("modules.builtin", "");
    for (const char* name : {"virtio_mmio", "vmw_vsock_virtio_transport", "virtio_blk", "ext4"}) {
      Write(absl::StrCat(name, ".ko"), absl::StrCat("module ", name));
    }
    Write("agent", "the agent's binary");
    Write("base", "base");
  }
  void Write(const std::string& name, const std::string& contents) {
    ASSERT_THAT(WriteFileAtomically(Path(name), contents), IsOk());
  }
  std::string Path(const std::string& name) const { return absl::StrCat(directory_, "/", name); }
  absl::StatusOr<std::optional<ImageInput>> Make(const std::string& initramfs) {
    return WriteModuleInitramfs({.directory = directory_, .release = "6.1", .agent = Path("agent")},
                                initramfs, Path("made"));
  }
  std::string Made() { return *ReadFile(Path("made")); }

  std::string directory_;
};

TEST_F(ModuleInitramfsTest, ModulesComeBehindAnInitramfsAtAnArchivesPlace) {
  Write("base", "base5");
  const auto input = Make(Path("base"));
  ASSERT_THAT(input, IsOk());
  ASSERT_TRUE(input->has_value());
  EXPECT_EQ((*input)->name, "linux-modules");
  EXPECT_EQ((*input)->version, "6.1");
  const std::string made = Made();
  EXPECT_EQ(made.substr(0, 18), std::string("base5\0\0\0\0\0\0\0", 12) + "070701");
  EXPECT_THAT(made, AllOf(HasSubstr("lib/modules/6.1/ext4.ko"), HasSubstr("module virtio_mmio"),
                          HasSubstr("lib/modules/voidbox.list"), Not(HasSubstr("newroot"))));
  EXPECT_EQ((*input)->digest, Digest::Of(absl::string_view(made).substr(12)));
}

// To an lz4 archive of the legacy format, four bytes of anything else are one more block's length.
TEST_F(ModuleInitramfsTest, FourZeroesEndAnLz4Archive) {
  for (const size_t size : {8, 9, 10, 11, 12}) {
    std::string lz4 = "\x02\x21\x4c\x18";
    lz4.resize(size, 'x');
    Write("base", lz4);
    ASSERT_THAT(Make(Path("base")), IsOk());
    const std::string made = Made();
    const size_t archive = made.find("070701");
    EXPECT_EQ(archive % 4, 0u);
    ASSERT_GE(archive, size + 4);
    EXPECT_EQ(made.substr(size, archive - size), std::string(archive - size, '\0'));
  }
}

TEST_F(ModuleInitramfsTest, RefusesModulesOfAnotherRelease) {
  Write("ext4.ko", std::string("\0vermagic=6.12.95 SMP\0", 22));
  const auto made = WriteModuleInitramfs({.directory = directory_,
                                          .release = "6.12.117",
                                          .kernel_release = "6.12.117",
                                          .agent = Path("agent")},
                                         "", Path("made"));
  EXPECT_THAT(made, StatusIs(absl::StatusCode::kInvalidArgument,
                             AllOf(HasSubstr(directory_), HasSubstr("ext4.ko"),
                                   HasSubstr("6.12.95"), HasSubstr("6.12.117"))));
  EXPECT_FALSE(std::filesystem::exists(Path("made")));
}

TEST_F(ModuleInitramfsTest, WithoutAnInitramfsTheAgentGoesOnToTheRootDisk) {
  ASSERT_THAT(Make(""), IsOk());
  const std::string made = Made();
  EXPECT_EQ(made.substr(0, 6), "070701");
  for (const char* part : {"the agent's binary", "newroot", "dev/console", "module ext4", "proc"}) {
    EXPECT_THAT(made, HasSubstr(part));
  }
}

TEST_F(ModuleInitramfsTest, TheSameFilesGiveTheSameBytes) {
  ASSERT_THAT(Make(""), IsOk());
  const std::string first = Made();
  ASSERT_THAT(Make(""), IsOk());
  EXPECT_EQ(Made(), first);
}

TEST_F(ModuleInitramfsTest, AKernelWithoutModulesNeedsNone) {
  Write("modules.dep", "");
  Write("modules.builtin",
        "virtio_mmio.ko\nvmw_vsock_virtio_transport.ko\nvirtio_blk.ko\next4.ko\n");
  const auto built_in = Make("");
  ASSERT_THAT(built_in, IsOk());
  EXPECT_FALSE(built_in->has_value());
  const auto none = WriteModuleInitramfs({}, Path("base"), Path("made"));
  ASSERT_THAT(none, IsOk());
  EXPECT_FALSE(none->has_value());
  EXPECT_FALSE(std::filesystem::exists(Path("made")));
}

}  // namespace
}  // namespace voidbox

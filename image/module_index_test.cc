#include "image/module_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"

namespace voidbox {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// As depmod writes it for Debian's 6.1 kernel.
constexpr char kDep[] =
    "kernel/drivers/virtio/virtio_ring.ko:\n"
    "kernel/drivers/virtio/virtio.ko: kernel/drivers/virtio/virtio_ring.ko\n"
    "kernel/drivers/virtio/virtio_mmio.ko: kernel/drivers/virtio/virtio.ko "
    "kernel/drivers/virtio/virtio_ring.ko\n"
    "kernel/drivers/char/hw_random/virtio-rng.ko.xz: kernel/drivers/virtio/virtio.ko "
    "kernel/drivers/virtio/virtio_ring.ko\n";
constexpr char kBuiltIn[] =
    "kernel/fs/binfmt_script.ko\nkernel/drivers/char/hw_random/rng-core.ko\n";

ModuleIndex Index() {
  auto index = ModuleIndex::Parse(kDep, kBuiltIn);
  EXPECT_THAT(index, IsOk());
  return *std::move(index);
}

TEST(ModuleIndexTest, NamesAreTheKernels) {
  EXPECT_EQ(KernelModuleName("kernel/drivers/char/hw_random/virtio-rng.ko"), "virtio_rng");
  EXPECT_EQ(KernelModuleName("ext4.ko.zst"), "ext4");
  EXPECT_EQ(KernelModuleName(""), "");
}

TEST(ModuleIndexTest, TellsModulesFromWhatIsBuiltInOrMissing) {
  const ModuleIndex index = Index();
  EXPECT_EQ(index.Find("virtio_rng"), ModuleIndex::Place::kModule);
  EXPECT_EQ(index.Find("rng_core"), ModuleIndex::Place::kBuiltIn);
  EXPECT_EQ(index.Find("ext4"), ModuleIndex::Place::kMissing);
}

TEST(ModuleIndexTest, EachModuleComesOnceAndAfterWhatItNeeds) {
  const std::vector<std::string> names = {"virtio_mmio", "rng_core", "ext4", "virtio_rng",
                                          "virtio_ring"};
  const auto order = Index().LoadOrder(names);
  ASSERT_THAT(order, IsOk());
  EXPECT_THAT(*order,
              ElementsAre("kernel/drivers/virtio/virtio_ring.ko", "kernel/drivers/virtio/virtio.ko",
                          "kernel/drivers/virtio/virtio_mmio.ko",
                          "kernel/drivers/char/hw_random/virtio-rng.ko.xz"));
}

TEST(ModuleIndexTest, AnEmptyIndexHasNothing) {
  const auto index = ModuleIndex::Parse("", "");
  ASSERT_THAT(index, IsOk());
  const auto order = index->LoadOrder(std::vector<std::string>{"virtio"});
  ASSERT_THAT(order, IsOk());
  EXPECT_THAT(*order, IsEmpty());
}

TEST(ModuleIndexTest, RefusesWhatDepmodDoesNotWrite) {
  const struct {
    const char* dep;
    const char* message;
  } kCases[] = {{"a.ko:\nb.ko\n", "line 2: no colon: b.ko"},
                {"../a.ko:\n", "line 1: "},
                {"/etc/shadow:\n", "line 1: an absolute path: /etc/shadow:"},
                {":\n", "line 1: no kernel module"},
                {"a.ko/b:\n", "line 1: no kernel module"}};
  for (const auto& [dep, message] : kCases) {
    EXPECT_THAT(ModuleIndex::Parse(dep, ""),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message)))
        << dep;
  }
}

TEST(ModuleIndexTest, RefusesWhatIsNeededButNotListed) {
  const auto index = ModuleIndex::Parse("a.ko: ../b.ko\nx/c.ko: y/a.ko\n", "");
  ASSERT_THAT(index, IsOk());
  EXPECT_THAT(index->LoadOrder(std::vector<std::string>{"a"}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("a.ko needs ../b.ko, which is not in it")));
  EXPECT_THAT(index->LoadOrder(std::vector<std::string>{"c"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("x/c.ko needs y/a.ko")));
}

TEST(ModuleIndexTest, RefusesIndexesWithoutEnd) {
  std::string dep;
  for (size_t i = 0; i <= kMaxModules; ++i) absl::StrAppend(&dep, i, ".ko:\n");
  EXPECT_THAT(ModuleIndex::Parse(dep, ""),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("modules.dep has more")));
  EXPECT_THAT(ModuleIndex::Parse("", dep), StatusIs(absl::StatusCode::kResourceExhausted,
                                                    HasSubstr("modules.builtin has more")));
}

}  // namespace
}  // namespace voidbox

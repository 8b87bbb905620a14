#include "vmm/memory_map.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/status_matchers.h"
#include "base/unique_fd.h"

namespace voidbox {
namespace {

UniqueFd FileOf(const std::string& contents) {
  UniqueFd fd(::memfd_create("test", MFD_CLOEXEC));
  EXPECT_EQ(::write(fd.get(), contents.data(), contents.size()),
            static_cast<ssize_t>(contents.size()));
  return fd;
}

TEST(MemoryMapTest, HugeMemoryIsZeroAndAlignedToHugePages) {
  constexpr size_t kHugePageBytes = 2 << 20;
  for (const size_t length : {kHugePageBytes, 3 * kHugePageBytes}) {
    auto map = MemoryMap::HugeAnonymous(length, "test");
    ASSERT_THAT(map, IsOk());
    ASSERT_EQ(map->bytes().size(), length);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(map->bytes().data()) % kHugePageBytes, 0u);
    EXPECT_EQ(map->bytes().front(), std::byte{0});
    EXPECT_EQ(map->bytes().back(), std::byte{0});
    map->bytes().front() = map->bytes().back() = std::byte{1};
  }
}

TEST(MemoryMapTest, SharedMemoryIsTheFiles) {
  const UniqueFd file = FileOf(std::string(4096, 'a'));
  auto map = MemoryMap::Shared(file.get(), 0, 4096, "test");
  ASSERT_THAT(map, IsOk());
  map->bytes()[1] = std::byte{'b'};
  char seen;
  ASSERT_EQ(::pread(file.get(), &seen, 1, 1), 1);
  EXPECT_EQ(seen, 'b');
}

TEST(MemoryMapTest, NamesWhatCannotBeMapped) {
  EXPECT_THAT(MemoryMap::Shared(-1, 0, 4096, "guest memory"),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       ::testing::HasSubstr("mmap of 4096 bytes of guest memory")));
}

TEST(MemoryMapTest, AnEmptyFileMapsToNothing) {
  EXPECT_TRUE(MemoryMap::ReadOnly(0, 0, "test")->bytes().empty());
}

}  // namespace
}  // namespace voidbox

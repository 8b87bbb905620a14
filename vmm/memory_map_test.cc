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

TEST(MemoryMapTest, OverlayIsPrivateAndOnlyWhereItWasAskedFor) {
  const UniqueFd ram = FileOf(std::string(3 * 4096, 'r'));
  const UniqueFd file = FileOf(std::string(4096, 'a') + std::string(4096, 'b'));
  auto map = MemoryMap::Shared(ram.get(), 0, 3 * 4096, "test");
  ASSERT_THAT(map, IsOk());
  ASSERT_THAT(map->OverlayFile(4096, 4096, file.get(), 4096), IsOk());
  const auto at = [&](size_t offset) { return static_cast<char>(map->bytes()[offset]); };
  EXPECT_EQ(at(4095), 'r');
  EXPECT_EQ(at(4096), 'b');
  EXPECT_EQ(at(8192), 'r');
  map->bytes()[4096] = std::byte{'x'};
  char kept;
  ASSERT_EQ(::pread(file.get(), &kept, 1, 4096), 1);
  EXPECT_EQ(kept, 'b');
}

TEST(MemoryMapTest, OverlayRefusesWhatIsNotOnPagesOrOutside) {
  const UniqueFd ram = FileOf(std::string(2 * 4096, 'r'));
  auto map = MemoryMap::Shared(ram.get(), 0, 2 * 4096, "test");
  ASSERT_THAT(map, IsOk());
  const auto code = [&](size_t at, size_t length, uint64_t offset) {
    return map->OverlayFile(at, length, ram.get(), offset).code();
  };
  EXPECT_EQ(code(1, 4096, 0), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(0, 1, 0), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(0, 4096, 1), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(4096, 8192, 0), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(3 * 4096, 0, 0), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(4096, ~size_t{0} << 12, 0), absl::StatusCode::kInvalidArgument);
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

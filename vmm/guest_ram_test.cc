#include "vmm/guest_ram.h"

#include <gtest/gtest.h>

#include "base/status_matchers.h"

namespace voidbox {
namespace {

TEST(GuestRamTest, RefusesSizesOutsideItsLimits) {
  const uint64_t sizes[] = {0,
                            1,
                            kMinMemoryBytes - kMemoryAlignment,
                            kMinMemoryBytes + 4096,
                            kMaxMemoryBytes + kMemoryAlignment,
                            ~uint64_t{0}};
  for (uint64_t bytes : sizes) {
    EXPECT_THAT(GuestRam::Create(bytes), StatusIs(absl::StatusCode::kInvalidArgument,
                                                  ::testing::HasSubstr("multiple of 2 MiB")))
        << bytes;
  }
}

TEST(GuestRamTest, GoesOnAboveTheHole) {
  const uint64_t bytes = (uint64_t{3} << 30) + (64 << 20);
  auto ram = GuestRam::Create(bytes);
  ASSERT_THAT(ram, IsOk());
  const GuestMemory& memory = (*ram)->memory();
  ASSERT_EQ(memory.regions().size(), 2u);
  EXPECT_THAT(memory.WriteObject(GuestAddress{kHoleStart - 1}, 'a'), IsOk());
  EXPECT_FALSE(memory.WriteObject(GuestAddress{kHoleStart}, 'a').ok());
  EXPECT_FALSE(memory.WriteObject(GuestAddress{kHoleEnd - 1}, 'a').ok());
  EXPECT_THAT(memory.WriteObject(GuestAddress{kHoleEnd}, 'b'), IsOk());
  EXPECT_THAT(memory.WriteObject(GuestAddress{kHoleEnd + (64 << 20) - 1}, 'b'), IsOk());
  EXPECT_FALSE(memory.WriteObject(GuestAddress{kHoleEnd + (64 << 20)}, 'b').ok());
}

TEST(GuestRamTest, UpToTheHoleThereIsOneRegion) {
  auto ram = GuestRam::Create(uint64_t{3} << 30);
  ASSERT_THAT(ram, IsOk());
  EXPECT_EQ((*ram)->memory().regions().size(), 1u);
}

}  // namespace
}  // namespace voidbox

#include "vmm/boot/command_line.h"

#include <gtest/gtest.h>

#include "base/status_matchers.h"

namespace voidbox {
namespace {

std::string Complete(absl::string_view line, size_t devices) {
  return CompleteCommandLine(line, 0xd0000000, 5, devices).value();
}

TEST(CommandLineTest, AnnouncesEachDevice) {
  EXPECT_EQ(Complete("quiet", 2),
            "quiet virtio_mmio.device=4K@0xd0000000:5 virtio_mmio.device=4K@0xd0001000:6");
  EXPECT_EQ(Complete("", 1), "virtio_mmio.device=4K@0xd0000000:5");
  EXPECT_EQ(Complete("quiet", 0), "quiet");
}

TEST(CommandLineTest, DevicesStandBeforeTheWordsOfInit) {
  EXPECT_EQ(Complete("quiet -- a b", 1), "quiet virtio_mmio.device=4K@0xd0000000:5 -- a b");
  EXPECT_EQ(Complete("--", 1), "virtio_mmio.device=4K@0xd0000000:5 --");
  EXPECT_EQ(Complete("a--b --c", 1), "a--b --c virtio_mmio.device=4K@0xd0000000:5");
}

TEST(CommandLineTest, RefusesWhatTheKernelWouldCut) {
  EXPECT_EQ(Complete(std::string(2047, 'x'), 0).size(), 2047u);
  EXPECT_THAT(CompleteCommandLine(std::string(2048, 'x'), 0, 5, 0),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "kernel command line of 2048 bytes is longer than the limit of 2047"));
  EXPECT_FALSE(CompleteCommandLine(std::string(2047, 'x'), 0, 5, 1).ok());
}

TEST(CommandLineTest, RefusesBytesThatWouldEndItEarly) {
  EXPECT_FALSE(CompleteCommandLine(absl::string_view("a\0b", 3), 0, 5, 0).ok());
  EXPECT_FALSE(CompleteCommandLine("a\nb", 0, 5, 0).ok());
}

}  // namespace
}  // namespace voidbox

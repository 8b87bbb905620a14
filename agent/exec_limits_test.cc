#include "agent/exec_limits.h"

#include <gtest/gtest.h>

#include "base/status_matchers.h"

namespace voidbox {
namespace {

TEST(ExecLimitsTest, NothingIsNoLimit) {
  const auto limits = ParseLimits({});
  ASSERT_THAT(limits, IsOk());
  EXPECT_EQ(*limits, ExecLimits());
}

TEST(ExecLimitsTest, TakesWhatIsWithinItsBounds) {
  agent::ExecLimits message;
  message.set_memory_bytes(kMinMemoryBytes);
  message.set_processes(1);
  message.set_cpu_millis(kMinCpuMillis);
  message.set_file_bytes(1);
  message.set_open_files(kMaxOpenFiles);
  const auto limits = ParseLimits(message);
  ASSERT_THAT(limits, IsOk());
  EXPECT_EQ(*limits, (ExecLimits{.memory_bytes = 1 << 20,
                                 .processes = 1,
                                 .cpu_millis = 10,
                                 .file_bytes = 1,
                                 .open_files = 524288}));
}

TEST(ExecLimitsTest, RefusesWhatIsNot) {
  auto refusal = [](auto set) {
    agent::ExecLimits message;
    set(message);
    const auto limits = ParseLimits(message);
    EXPECT_EQ(limits.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(limits.status().message());
  };
  EXPECT_EQ(refusal([](auto& limits) { limits.set_memory_bytes(4096); }),
            "limits.memory_bytes: 4096 is outside 1048576 to 9223372036854775807 (0 is the "
            "default)");
  EXPECT_EQ(refusal([](auto& limits) { limits.set_cpu_millis(9); }),
            "limits.cpu_millis: 9 is outside 10 to 1000000 (0 is the default)");
  EXPECT_EQ(refusal([](auto& limits) { limits.set_open_files(7); }),
            "limits.open_files: 7 is outside 8 to 524288 (0 is the default)");
  EXPECT_EQ(refusal([](auto& limits) { limits.set_file_bytes(UINT64_MAX); }),
            "limits.file_bytes: 18446744073709551615 is outside 1 to 9223372036854775807 (0 is the "
            "default)");
}

}  // namespace
}  // namespace voidbox

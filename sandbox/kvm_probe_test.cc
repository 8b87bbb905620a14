#include "sandbox/kvm_probe.h"

#include <optional>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

// Whatever this machine's KVM is: the emulated host's is in tests/kvm_probe_vm_test.
TEST(KvmProbeTest, JudgesThisMachineInBoundedTime) {
  const absl::Time start = absl::Now();
  const KvmProbeResult probe = ProbeKvm();
  EXPECT_LT(absl::Now() - start, absl::Seconds(30));
  EXPECT_EQ(probe.usable, probe.reason.empty());
  EXPECT_EQ(probe.usable, probe.ring0_mips >= 5);
}

TEST(KvmProbeTest, MeasuresTheCreationOfAMachineWhereOneRan) {
  const KvmProbeResult probe = ProbeKvm();
  EXPECT_EQ(probe.create_vm_ms > 0, probe.ring0_mips > 0);
}

TEST(SlowCgroupMountTest, NamesTheMountThatLacksTheOption) {
  EXPECT_EQ(SlowCgroupMount("proc /proc proc rw 0 0\n"
                            "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid,nsdelegate 0 0\n"),
            "/sys/fs/cgroup");
  EXPECT_EQ(SlowCgroupMount("cgroup2 /sys/fs/cgroup cgroup2 rw,favordynmods,nsdelegate 0 0\n"), "");
  // cgroup v1, whose threads wait likewise, has no such option.
  EXPECT_EQ(SlowCgroupMount("cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n"), "");
  EXPECT_EQ(SlowCgroupMount("cgroup2 /sys"), "");
  EXPECT_EQ(SlowCgroupMount(""), "");
}

// 10,000 instructions at the 5 million a second that are enough take 2 ms.
TEST(QuickestRoundTest, PreemptedRoundsDoNotSpeakForTheMachine) {
  std::vector<int64_t> rounds = {30'000'000, 12'000'000, 10'000, 9'000};
  size_t ran = 0;
  EXPECT_EQ(QuickestRound([&] { return std::optional(rounds[ran++]); }), 10'000);
  EXPECT_EQ(ran, 3u);  // it is quick enough: no more to find out
}

TEST(QuickestRoundTest, ASlowMachineIsSlowInEveryRound) {
  std::vector<int64_t> rounds = {12'000'000, 10'000'000, 11'000'000, 10'500'000, 13'000'000};
  size_t ran = 0;
  EXPECT_EQ(QuickestRound([&] { return std::optional(rounds.at(ran++)); }), 10'000'000);
  EXPECT_EQ(ran, rounds.size());
}

TEST(QuickestRoundTest, EndsAtAFailure) {
  int ran = 0;
  EXPECT_EQ(QuickestRound([&] { return ++ran < 2 ? std::optional<int64_t>(9e6) : std::nullopt; }),
            std::nullopt);
  EXPECT_EQ(ran, 2);
}

}  // namespace
}  // namespace voidbox

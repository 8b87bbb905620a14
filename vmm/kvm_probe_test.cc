#include "vmm/kvm_probe.h"

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

}  // namespace
}  // namespace voidbox

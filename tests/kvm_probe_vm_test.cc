// Where VM tests run, KVM works: natively, or in the emulated host.
#include <cstdlib>

#include "gtest/gtest.h"
#include "sandbox/kvm_probe.h"

namespace voidbox {
namespace {

TEST(KvmProbeVmTest, FindsKvmUsable) {
  const KvmProbeResult probe = ProbeKvm();
  EXPECT_TRUE(probe.usable) << probe.reason;
  EXPECT_GE(probe.ring0_mips, 5);
  EXPECT_EQ(probe.reason, "");
  EXPECT_GT(probe.create_vm_ms, 0);
}

TEST(KvmProbeVmTest, HasItsTestDirectoryAndSources) {
  EXPECT_NE(std::getenv("TEST_TMPDIR"), nullptr);
  EXPECT_NE(std::getenv("TEST_SRCDIR"), nullptr);
}

}  // namespace
}  // namespace voidbox

#include "vmm/kvm.h"

#include <gtest/gtest.h>

#include <map>

#include "base/status_matchers.h"

namespace voidbox {
namespace {

class KvmExtensionsTest : public ::testing::Test {
 protected:
  absl::StatusOr<HypervisorLimits> Check() {
    return CheckKvmExtensions([this](int extension) -> absl::StatusOr<int> {
      const auto found = extensions_.find(extension);
      return found == extensions_.end() ? 0 : found->second;
    });
  }
  // What a host of today has.
  std::map<int, int> extensions_ = {
      {KVM_CAP_IRQCHIP, 1},        {KVM_CAP_USER_MEMORY, 1},
      {KVM_CAP_SET_TSS_ADDR, 1},   {KVM_CAP_EXT_CPUID, 1},
      {KVM_CAP_PIT2, 1},           {KVM_CAP_IOEVENTFD, 1},
      {KVM_CAP_IMMEDIATE_EXIT, 1}, {KVM_CAP_TSC_DEADLINE_TIMER, 1},
      {KVM_CAP_KVMCLOCK_CTRL, 1},  {KVM_CAP_NR_VCPUS, 16},
      {KVM_CAP_MAX_VCPUS, 1024},   {KVM_CAP_XCRS, 1},
  };
};

TEST_F(KvmExtensionsTest, ReadsTheLimits) {
  const auto limits = Check();
  ASSERT_THAT(limits, IsOk());
  EXPECT_EQ(limits->max_vcpus, 1024u);
  EXPECT_TRUE(limits->tsc_deadline);
  EXPECT_TRUE(limits->clock_control);
  EXPECT_TRUE(limits->xcrs);
}

TEST_F(KvmExtensionsTest, NamesWhatIsMissing) {
  extensions_.erase(KVM_CAP_IMMEDIATE_EXIT);
  EXPECT_THAT(Check(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                "/dev/kvm lacks KVM_CAP_IMMEDIATE_EXIT: voidbox needs the KVM of "
                                "Linux 4.11 or later"));
}

// api.rst, KVM_CREATE_VCPU.
TEST_F(KvmExtensionsTest, AnOldKernelsLimitsAreThoseOfTheDocumentation) {
  extensions_.erase(KVM_CAP_MAX_VCPUS);
  EXPECT_EQ(Check()->max_vcpus, 16u);
  extensions_.erase(KVM_CAP_NR_VCPUS);
  EXPECT_EQ(Check()->max_vcpus, 4u);
}

TEST_F(KvmExtensionsTest, TakesAHostWithoutWhatIsOptional) {
  extensions_.erase(KVM_CAP_TSC_DEADLINE_TIMER);
  extensions_.erase(KVM_CAP_KVMCLOCK_CTRL);
  extensions_.erase(KVM_CAP_XCRS);
  const auto limits = Check();
  ASSERT_THAT(limits, IsOk());
  EXPECT_FALSE(limits->tsc_deadline);
  EXPECT_FALSE(limits->clock_control);
  EXPECT_FALSE(limits->xcrs);
}

}  // namespace
}  // namespace voidbox

#include "base/descriptor_limit.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "base/status_matchers.h"

namespace voidbox {
namespace {

class DescriptorLimitTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
    ASSERT_GE(before_.rlim_max, 64u);
    const rlimit low = {.rlim_cur = 32, .rlim_max = before_.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
  }
  void TearDown() override { EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before_), 0); }
  static uint64_t Soft() {
    rlimit now;
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &now), 0);
    return now.rlim_cur;
  }
  rlimit before_;
};

TEST_F(DescriptorLimitTest, RaisesToWhatIsWanted) {
  EXPECT_EQ(RaiseDescriptorLimit(64).value(), 64u);
  EXPECT_EQ(Soft(), 64u);
}

TEST_F(DescriptorLimitTest, RaisesNoFurtherThanTheHardLimit) {
  EXPECT_EQ(RaiseDescriptorLimit(UINT64_MAX).value(), before_.rlim_max);
  EXPECT_EQ(Soft(), before_.rlim_max);
}

TEST_F(DescriptorLimitTest, NeverLowersIt) {
  EXPECT_EQ(RaiseDescriptorLimit(16).value(), 32u);
  EXPECT_EQ(Soft(), 32u);
}

}  // namespace
}  // namespace voidbox

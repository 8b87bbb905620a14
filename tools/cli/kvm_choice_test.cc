#include "tools/cli/kvm_choice.h"

#include <cstdlib>
#include <string>

#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class KvmChoiceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ::unsetenv("VOIDBOX_KVM_HOST");
    ::unsetenv("VOIDBOX_INSIDE_EMULATED_HOST");
  }
  void TearDown() override { SetUp(); }
  static bool Emulated(const std::string& flag) {
    const auto choice = ChooseKvm(flag);
    EXPECT_THAT(choice, IsOk());
    return choice->emulated;
  }
};

TEST_F(KvmChoiceTest, DoesAsItIsTold) {
  EXPECT_FALSE(Emulated("native"));
  EXPECT_TRUE(Emulated("emulated"));
}

TEST_F(KvmChoiceTest, TheFlagGoesBeforeTheEnvironment) {
  ::setenv("VOIDBOX_KVM_HOST", "emulated", 1);
  EXPECT_TRUE(Emulated(""));
  EXPECT_FALSE(Emulated("native"));
}

TEST_F(KvmChoiceTest, AutoGivesTheReasonWhyItIsNotNative) {
  for (const char* flag : {"", "auto"}) {
    const auto choice = ChooseKvm(flag);
    ASSERT_THAT(choice, IsOk());
    EXPECT_EQ(choice->emulated, !choice->reason.empty());
    if (choice->emulated) {
      EXPECT_THAT(choice->reason, HasSubstr("no usable KVM here"));
    }
  }
}

// Else it would look for an emulated host in the emulated host.
TEST_F(KvmChoiceTest, InsideTheEmulatedHostItIsNative) {
  ::setenv("VOIDBOX_INSIDE_EMULATED_HOST", "1", 1);
  for (const char* flag : {"", "auto", "native", "emulated"}) EXPECT_FALSE(Emulated(flag)) << flag;
}

TEST_F(KvmChoiceTest, RefusesOtherWordsFromEitherSource) {
  EXPECT_THAT(ChooseKvm("moon"), StatusIs(absl::StatusCode::kInvalidArgument,
                                          AllOf(HasSubstr("moon"), HasSubstr("emulated"))));
  ::setenv("VOIDBOX_KVM_HOST", "mars", 1);
  EXPECT_THAT(ChooseKvm(""), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("mars")));
}

}  // namespace
}  // namespace voidbox

#ifndef VOIDBOX_TESTS_GUEST_SUITE_H_
#define VOIDBOX_TESTS_GUEST_SUITE_H_

#include <functional>

#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "sandbox/sandbox.h"
#include "tests/guest_sandbox.h"

namespace voidbox {

// A suite whose tests share one guest: booted before the first, ended after the last.
class GuestSuite : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { BootGuest(); }
  // For suites that set up more, or want another guest.
  static void BootGuest(const std::function<void(Sandbox::Options&)>& adjust = nullptr) {
    auto guest = GuestSandbox::Boot(adjust);
    ASSERT_THAT(guest, IsOk());
    guest_ = guest->release();
  }
  static void TearDownTestSuite() {
    if (guest_ == nullptr) return;
    guest_->sandbox().Stop(/*orderly=*/false);
    EXPECT_THAT(guest_->AwaitEnd(), IsOk());
    delete guest_;
    guest_ = nullptr;
  }
  void SetUp() override { ASSERT_NE(guest_, nullptr); }

  static inline GuestSandbox* guest_ = nullptr;
};

}  // namespace voidbox

#endif  // VOIDBOX_TESTS_GUEST_SUITE_H_

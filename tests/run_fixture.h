#ifndef VOIDBOX_TESTS_RUN_FIXTURE_H_
#define VOIDBOX_TESTS_RUN_FIXTURE_H_

#include <nlohmann/json.hpp>
#include <string>

#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "sandbox/child_process.h"
#include "tests/voidbox_process.h"

namespace voidbox {

// Of tests of what a user gets on a machine with KVM, or through an emulated host of the test's
// own.
class RunFixture : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    home_ = UseOwnHome();
    const VoidboxProcess::Result doctor = RunVoidbox({"doctor", "--format", "json"});
    ASSERT_EQ(doctor.exit_status, 0) << doctor.output << doctor.error;
    emulated_ = nlohmann::json::parse(doctor.output).at("kvm_host") == "emulated";
  }
  static void TearDownTestSuite() { StopOwnHost(); }

  static VoidboxProcess::Result Shell(const std::string& script, const std::string& input = "") {
    return RunVoidbox({"run", "--", "sh", "-c", script}, input);
  }
  // A shell script on the machine whose KVM is used.
  static VoidboxProcess::Result OnHost(const std::string& script) {
    if (emulated_) return RunVoidbox({"host", "exec", "--", "sh", "-c", script});
    VoidboxProcess::Result result;
    auto child = ChildProcess::Spawn({.argv = {"/bin/sh", "-c", script}});
    EXPECT_THAT(child, IsOk());
    result.exit_status = *child->Wait() >> 8;
    return result;
  }
  // Waits until no VMM runs, which the test's deadline bounds. What a killed owner left of its
  // sandbox is gone once somebody has asked which sandboxes there are.
  static void ExpectNothingLeft() {
    const VoidboxProcess::Result result = OnHost(R"sh(
      vmms() { cat /proc/[0-9]*/comm 2>/dev/null | grep -c '^voidbox-vmm$'; }
      while [ "$(vmms)" != 0 ]; do sleep 0.1; done)sh");
    EXPECT_EQ(result.exit_status, 0) << result.error;
    EXPECT_EQ(RunVoidbox({"ps", "-q"}).output, "");
    EXPECT_EQ(OnHost("ls \"$VOIDBOX_HOME/sandboxes\"").output, "");
  }

  static inline std::string home_;
  static inline bool emulated_ = false;
};

}  // namespace voidbox

#endif  // VOIDBOX_TESTS_RUN_FIXTURE_H_

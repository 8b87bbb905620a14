#ifndef VOIDBOX_TESTS_EXEC_GUEST_FIXTURE_H_
#define VOIDBOX_TESTS_EXEC_GUEST_FIXTURE_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "agent/agent.pb.h"
#include "base/status_matchers.h"
#include "tests/guest_sandbox.h"
#include "tests/guest_suite.h"

namespace voidbox {

// Commands of all kinds in one guest, which must answer as ever after each test.
class ExecGuestTest : public GuestSuite {
 protected:
  using Exec = GuestSandbox::Exec;

  // Whatever a test did, the guest answers as ever.
  void TearDown() override {
    if (guest_ == nullptr || HasFatalFailure()) return;
    EXPECT_EQ(Run(User("echo fine"))->out, "fine\n");
  }

  // As callers make them: uid 1000 in the whole root.
  static agent::ExecRequest User(const std::string& script) {
    agent::ExecRequest request = GuestSandbox::Shell(script);
    request.clear_user();
    return request;
  }
  static agent::ExecRequest Jailed(const std::string& script) {
    agent::ExecRequest request = User(script);
    request.set_isolation(agent::JAIL);
    return request;
  }
  static agent::ExecRequest Root(const std::string& script) { return GuestSandbox::Shell(script); }
  static std::unique_ptr<Exec> Run(const agent::ExecRequest& request) {
    return guest_->Run(request);
  }
  static void ExpectExit(const Exec& exec, uint32_t exit_code) {
    ASSERT_TRUE(exec.ended.has_value());
    EXPECT_EQ(exec.ended->reason(), agent::ExecEnded::EXITED) << exec.ended->ShortDebugString();
    EXPECT_EQ(exec.ended->exit_code(), exit_code) << exec.err;
  }
  static agent::ServerFrame Kill(uint64_t id) {
    agent::Request request;
    request.mutable_kill_exec()->set_id(id);
    return guest_->Ask(request);
  }
  static std::vector<agent::ExecInfo> List() {
    agent::Request request;
    request.mutable_list_execs();
    const agent::ServerFrame frame = guest_->Ask(request);
    return {frame.execs().execs().begin(), frame.execs().execs().end()};
  }
  // The agent's own memory.
  static uint64_t AgentResidentKib() {
    const auto exec = Run(Root("grep VmRSS /proc/1/status | tr -dc 0-9"));
    uint64_t kib = 0;
    EXPECT_TRUE(absl::SimpleAtoi(exec->out, &kib)) << exec->out;
    return kib;
  }
};
}  // namespace voidbox

#endif  // VOIDBOX_TESTS_EXEC_GUEST_FIXTURE_H_

#ifndef VOIDBOX_TESTS_GUEST_SANDBOX_H_
#define VOIDBOX_TESTS_GUEST_SANDBOX_H_

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "agent/agent.pb.h"
#include "agent/agent_call.h"
#include "base/event_loop.h"
#include "sandbox/sandbox.h"

namespace voidbox {

// A sandbox with our kernel and minimal initramfs, or with those that $KERNEL and $INITRAMFS name,
// for tests that make many calls to one guest; to be used where KVM is (vm_test.bzl). All of it
// belongs to one thread, which its loop runs on while something is waited for. What takes longer
// than kLimit fails the test, and so does all that is waited for after that, at once.
class GuestSandbox {
 public:
  static constexpr absl::Duration kLimit = absl::Minutes(2);
  static constexpr uint64_t kMemoryBytes = 256 << 20;

  // An exec call, from its start to the end of its stream.
  class Exec {
   public:
    // The guest's side hears that the host has hung up.
    void HangUp() { call_.reset(); }
    void SendInput(absl::string_view bytes);
    void EndInput();
    void Signal(int number);

    std::string out, err;
    uint32_t pid = 0;                       // in the guest, once it has started
    std::optional<agent::ExecEnded> ended;  // how, once it has
    std::optional<absl::Status> end;        // of the stream
    std::string error;                      // of the agent, when it refused

   private:
    friend class GuestSandbox;
    void Send(const agent::ClientFrame& frame);
    std::unique_ptr<AgentCall> call_;
  };

  // Boots, and waits until the agent serves. `adjust` may change the options.
  static absl::StatusOr<std::unique_ptr<GuestSandbox>> Boot(
      const std::function<void(Sandbox::Options&)>& adjust = nullptr);

  // As root, who may look at all of the guest; clear the user for a command as callers make it.
  static agent::ExecRequest Command(std::initializer_list<std::string> argv);
  static agent::ExecRequest Shell(const std::string& script);

  std::unique_ptr<Exec> Start(const agent::ExecRequest& request);
  // Starts it, and waits for its end.
  std::unique_ptr<Exec> Run(const agent::ExecRequest& request);
  std::unique_ptr<Exec> Run(const std::string& script) { return Run(Shell(script)); }
  // Waits for the end of a call's stream.
  void Finish(Exec& exec);
  // Waits until the output contains `text`.
  void AwaitOutput(Exec& exec, absl::string_view text);
  // Runs the loop until `done`; false, and a failure of the test, when it takes too long.
  bool Await(const std::function<bool()>& done);

  // The one frame that answers a request of another kind.
  agent::ServerFrame Ask(const agent::Request& request);

  Sandbox& sandbox() { return *sandbox_; }
  // Waits for the sandbox to end, with what it said then.
  absl::Status AwaitEnd();

 private:
  GuestSandbox() = default;
  std::unique_ptr<AgentCall> Call(const agent::Request& request, AgentCall::Handlers handlers);

  std::unique_ptr<EventLoop> loop_;
  bool ready_ = false;
  bool stuck_ = false;  // something did not come in time
  std::optional<absl::Status> ended_;
  std::string console_;
  std::unique_ptr<Sandbox> sandbox_;
};

}  // namespace voidbox

#endif  // VOIDBOX_TESTS_GUEST_SANDBOX_H_

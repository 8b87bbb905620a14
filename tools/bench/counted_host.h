#ifndef VOIDBOX_TOOLS_BENCH_COUNTED_HOST_H_
#define VOIDBOX_TOOLS_BENCH_COUNTED_HOST_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/agent.pb.h"
#include "base/event_loop.h"
#include "sandbox/emulated_host/emulated_host.h"
#include "sandbox/emulated_host/qemu.h"
#include "sandbox/exec_session.h"

namespace voidbox::bench {

// The emulated KVM host with a clock that counts instructions, so that times measured inside repeat
// from run to run, however busy this machine is. Boots, runs one command with our standard output
// and error, and ends with this object. Belongs to its loop's thread.
class CountedHost {
 public:
  explicit CountedHost(EventLoop& loop) : loop_(loop) {}

  // Runs the loop until the command has ended; its exit status, or 128 and the signal. `machine`
  // needs no clock.
  absl::StatusOr<int> Run(EmulatedMachine machine, const std::vector<std::string>& argv);

 private:
  absl::Status StartCommand(const std::vector<std::string>& argv);
  void OnEnded(const absl::StatusOr<agent::ExecEnded>& ended);
  void Finish(absl::StatusOr<int> result);

  EventLoop& loop_;
  std::optional<absl::StatusOr<int>> result_;
  std::unique_ptr<EmulatedHost> host_;
  std::unique_ptr<ExecSession> session_;
};

}  // namespace voidbox::bench

#endif  // VOIDBOX_TOOLS_BENCH_COUNTED_HOST_H_

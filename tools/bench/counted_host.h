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
#include "base/frame.h"
#include "base/unique_fd.h"
#include "sandbox/emulated_host/mux.h"
#include "sandbox/emulated_host/qemu.h"
#include "sandbox/exec_session.h"
#include "sandbox/output_tail.h"

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
  absl::Status Start(const EmulatedMachine& machine);
  absl::Status OnConsole();
  absl::Status SendSetup();
  absl::Status OnSetupReply();
  absl::Status StartCommand();
  void OnEnded(const absl::StatusOr<agent::ExecEnded>& ended);
  // Ends the run unless `status` is OK.
  void Expect(const absl::Status& status);
  void Finish(absl::StatusOr<int> result);

  EventLoop& loop_;
  std::string home_;
  std::vector<std::string> argv_;
  std::optional<absl::StatusOr<int>> result_;
  bool up_ = false;  // hostd has said so
  std::string console_text_;
  OutputTail console_tail_;
  std::optional<RunningQemu> qemu_;
  std::unique_ptr<Mux> mux_;
  UniqueFd setup_stream_;
  FrameReader setup_reader_;
  std::unique_ptr<ExecSession> session_;
  EventLoop::Watch console_watch_;
  EventLoop::Watch qemu_watch_;
  EventLoop::Watch setup_watch_;
};

}  // namespace voidbox::bench

#endif  // VOIDBOX_TOOLS_BENCH_COUNTED_HOST_H_

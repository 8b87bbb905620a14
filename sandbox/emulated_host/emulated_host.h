#ifndef VOIDBOX_SANDBOX_EMULATED_HOST_EMULATED_HOST_H_
#define VOIDBOX_SANDBOX_EMULATED_HOST_EMULATED_HOST_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/event_loop.h"
#include "base/frame.h"
#include "base/unique_fd.h"
#include "sandbox/emulated_host/mux.h"
#include "sandbox/emulated_host/qemu.h"
#include "sandbox/emulated_host/qmp.h"
#include "sandbox/emulated_host/saved_state.h"
#include "sandbox/output_tail.h"

namespace voidbox {

// One run of the emulated machine: QEMU from its start to its end, with hostd inside, which serves
// calls. Ends QEMU and every call at the end of its life. Belongs to its loop's thread.
class EmulatedHost {
 public:
  struct Options {
    EmulatedMachine machine;
    UniqueFd state;                     // a saved state to start from; boots without
    std::optional<SavedState> save_to;  // where a machine that has booted saves its state
    absl::Duration start_limit;         // how long it may take until calls can be opened
  };
  struct Handlers {
    // Once: calls can be opened.
    std::function<void()> running;
    // Once, with the reason: it could not start, or has ended. May destroy the EmulatedHost.
    std::function<void(const absl::Status&)> ended;
    // The number of open calls has changed.
    std::function<void()> calls_changed;
  };
  static absl::StatusOr<std::unique_ptr<EmulatedHost>> Start(EventLoop& loop, Options options,
                                                             Handlers handlers);

  // Carries `call`, a non-blocking socket, to hostd, as agent.proto says. Only while it is running.
  // With a purpose, it is a HostdRequest's stream instead.
  absl::Status Open(UniqueFd call, absl::string_view purpose = "") {
    return mux_->Open(std::move(call), purpose);
  }
  // Why Open would refuse a call.
  absl::Status CanOpen() const { return mux_->CanOpen(); }
  size_t call_count() const { return running_ ? mux_->stream_count() : 0; }
  bool running() const { return running_; }
  pid_t qemu_pid() const { return qemu_.process.pid(); }
  // The last lines that the machine printed, and QEMU itself; may be empty.
  std::string LastLines() const;

 private:
  EmulatedHost(EventLoop& loop, Options options, bool from_saved_state, Handlers handlers,
               RunningQemu qemu);
  absl::Status Watch();
  void OnConsole();
  void OnQemuEnded();
  void OnHostdUp();
  void OnStateSaved(const absl::Status& status);
  absl::Status SendSetup();
  absl::Status OnSetupReply();
  // Ends the run unless `status` is OK.
  void Expect(const absl::Status& status);
  // Reports the end after `grace`, unless a better reason comes before.
  void End(const absl::Status& status, absl::Duration grace);

  EventLoop& loop_;  // outlives this
  const std::string home_;
  const bool from_saved_state_;
  std::optional<SavedState> save_to_;
  const absl::Duration start_limit_;
  Handlers handlers_;
  bool hostd_up_ = false;
  bool running_ = false;
  absl::Status end_;  // why it ends, once it does
  OutputTail console_tail_;
  std::string console_line_;
  RunningQemu qemu_;
  std::optional<SavedState::Writer> state_writer_;
  std::unique_ptr<StateSaver> saver_;
  std::unique_ptr<Mux> mux_;
  UniqueFd setup_stream_;
  FrameReader setup_reader_;
  EventLoop::Watch console_watch_;
  EventLoop::Watch qemu_watch_;
  EventLoop::Watch setup_watch_;
  EventLoop::Timer start_timer_;
  EventLoop::Timer end_timer_;
};

}  // namespace voidbox

#endif  // VOIDBOX_SANDBOX_EMULATED_HOST_EMULATED_HOST_H_

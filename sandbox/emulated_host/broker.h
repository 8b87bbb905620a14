#ifndef VOIDBOX_SANDBOX_EMULATED_HOST_BROKER_H_
#define VOIDBOX_SANDBOX_EMULATED_HOST_BROKER_H_

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/event_loop.h"
#include "base/frame.h"
#include "base/unique_fd.h"
#include "sandbox/emulated_host/host.pb.h"
#include "sandbox/emulated_host/mux.h"
#include "sandbox/emulated_host/qemu.h"
#include "sandbox/emulated_host/qmp.h"
#include "sandbox/emulated_host/saved_state.h"
#include "sandbox/output_tail.h"

namespace voidbox {

// The owner of one emulated KVM host: starts QEMU, serves commands that connect, and carries their
// calls to hostd. Ends when it is asked to, when QEMU ends, or after some time without a call.
// Belongs to its loop's thread.
class Broker {
 public:
  struct Options {
    EmulatedMachine machine;
    std::string cache;         // where states are saved
    std::string image_digest;  // of the machine's kernel and initramfs
    absl::Duration idle_limit = absl::Minutes(10);
    // On a busy machine with two cores a boot takes about 20 s.
    absl::Duration start_limit = absl::Minutes(5);
  };
  // Called once when the broker should end: OK when asked to or idle.
  using EndHandler = std::function<void(const absl::Status&)>;

  // `listener` is where commands connect.
  static absl::StatusOr<std::unique_ptr<Broker>> Start(EventLoop& loop, UniqueFd listener,
                                                       Options options, EndHandler ended);
  // Closes every connection and ends QEMU.
  ~Broker() = default;

 private:
  // A command that has not got its call yet.
  struct Client {
    UniqueFd socket;
    FrameReader reader;
    bool waits_for_call = false;
    EventLoop::Watch watch;
  };
  using Clients = std::list<Client>;

  Broker(EventLoop& loop, UniqueFd listener, Options options, EndHandler ended);
  absl::Status StartMachine();
  void OnConsole();
  void OnHostdUp();
  void SendSetup();
  absl::Status OnSetupReply();
  void OnRunning();

  void OnListener();
  void OnClient(Clients::iterator client);
  absl::Status HandleRequest(Clients::iterator client, const host::HostRequest& request);
  absl::Status OpenCall(Clients::iterator client);
  host::Status Status() const;
  void TellProgress(const std::string& progress);
  void UpdateIdle();
  void End(const absl::Status& status);

  EventLoop& loop_;
  UniqueFd listener_;
  const Options options_;
  EndHandler ended_;  // empty once called
  const absl::Time started_ = absl::Now();
  absl::Duration start_took_;  // zero until it runs
  bool from_saved_state_ = false;
  bool hostd_up_ = false;
  bool running_ = false;
  std::string progress_;
  Clients clients_;
  OutputTail console_tail_;
  std::string console_line_;

  std::optional<SavedState> saved_state_;
  std::optional<SavedState::Writer> state_writer_;
  std::optional<RunningQemu> qemu_;
  std::unique_ptr<StateSaver> saver_;
  std::unique_ptr<Mux> mux_;
  UniqueFd setup_stream_;
  FrameReader setup_reader_;

  EventLoop::Watch listener_watch_;
  EventLoop::Watch console_watch_;
  EventLoop::Watch qemu_watch_;
  EventLoop::Watch setup_watch_;
  EventLoop::Timer start_timer_;
  EventLoop::Timer idle_timer_;
};

}  // namespace voidbox

#endif  // VOIDBOX_SANDBOX_EMULATED_HOST_BROKER_H_

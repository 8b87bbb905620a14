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
#include "base/acceptor.h"
#include "base/event_loop.h"
#include "base/frame.h"
#include "base/unique_fd.h"
#include "sandbox/emulated_host/emulated_host.h"
#include "sandbox/emulated_host/host.pb.h"
#include "sandbox/emulated_host/qemu.h"
#include "sandbox/emulated_host/saved_state.h"

namespace voidbox {

// The owner of one emulated KVM host: starts it for the first command that connects to open a call,
// from a saved state if there is one that works, serves commands that connect, and carries their
// calls to hostd. Ends when it is asked to, when the host ends, or after some time without a call,
// whoever connects for other reasons meanwhile. Belongs to its loop's thread.
class Broker {
 public:
  struct Options {
    EmulatedMachine machine;
    std::string cache;         // where states are saved
    std::string image_digest;  // of the machine's kernel and initramfs
    absl::Duration idle_limit = absl::Minutes(10);
    // A boot takes about 20 s on a busy machine with two cores, a start from a saved state 3 s. A
    // state that takes longer than its limit is given up for a boot.
    absl::Duration boot_limit = absl::Minutes(5);
    absl::Duration state_start_limit = absl::Minutes(1);
    // When those who wait are told that it goes on.
    absl::Duration slow_after = absl::Seconds(40);
  };
  // Called once when the broker should end: OK when asked to or idle.
  using EndHandler = std::function<void(const absl::Status&)>;

  // `listener` is where commands connect.
  static absl::StatusOr<std::unique_ptr<Broker>> Start(EventLoop& loop, UniqueFd listener,
                                                       Options options, EndHandler ended);
  // Closes every connection and ends the host.
  ~Broker() = default;

 private:
  // A command that has not got its call yet.
  struct Client {
    UniqueFd socket;
    FrameReader reader;
    bool waits_for_call = false;
    std::string purpose;  // of its stream; empty for a call
    EventLoop::Watch watch;
  };
  using Clients = std::list<Client>;

  Broker(EventLoop& loop, Options options, EndHandler ended);
  enum class From { kSavedStateIfAny, kBoot };
  absl::Status StartHost(From from);
  void OnHostEnded(const absl::Status& status);
  void OnRunning();
  bool running() const { return host_ != nullptr && host_->running(); }

  void AddClient(UniqueFd socket);
  void RemoveClient(Clients::iterator client);
  void OnClient(Clients::iterator client);
  absl::Status HandleRequest(Clients::iterator client, const host::HostRequest& request);
  void WaitForHost(Clients::iterator client);
  // Takes the client away, unless it fails.
  absl::Status OpenCall(Clients::iterator client);
  void Refuse(Clients::iterator client, const absl::Status& status);
  host::Status Status() const;
  void TellProgress(const std::string& progress);
  void UpdateIdle();
  void End(const absl::Status& status);

  EventLoop& loop_;
  const Options options_;
  EndHandler ended_;  // empty once called
  const absl::Time started_ = absl::Now();
  absl::Duration start_took_;  // zero until it runs
  bool from_saved_state_ = false;
  std::string progress_;
  Clients clients_;
  std::optional<SavedState> saved_state_;
  std::unique_ptr<EmulatedHost> host_;  // null until a client needs it
  std::unique_ptr<Acceptor> acceptor_;
  EventLoop::Timer slow_timer_;
  EventLoop::Timer idle_timer_;
};

}  // namespace voidbox

#endif  // VOIDBOX_SANDBOX_EMULATED_HOST_BROKER_H_

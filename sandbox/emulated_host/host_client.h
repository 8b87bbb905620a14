#ifndef VOIDBOX_SANDBOX_EMULATED_HOST_HOST_CLIENT_H_
#define VOIDBOX_SANDBOX_EMULATED_HOST_HOST_CLIENT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/event_loop.h"
#include "base/frame.h"
#include "base/unique_fd.h"
#include "sandbox/emulated_host/host.pb.h"

namespace voidbox {

// Where the emulated host of one $VOIDBOX_HOME is and what it is started with.
struct HostFiles {
  std::string home;
  std::string cache;
  std::string broker;  // its program
  std::string kernel, initramfs, key;
  uint64_t idle_seconds = 600;
};

// A connection to the broker; starts one when none serves, and waits until it does, which takes
// some ms unless another one is just ending. CANCELLED once `interrupt` (see base/interruptible.h)
// is readable.
absl::StatusOr<UniqueFd> ConnectToHost(const HostFiles& files, int interrupt = -1);
// To one that serves already; NOT_FOUND when none does.
absl::StatusOr<UniqueFd> ConnectToRunningHost(const std::string& home);

// A broker that is not stopped, nor starved, answers within milliseconds.
inline constexpr absl::Duration kBrokerAnswerLimit = absl::Seconds(10);

// Status of the host; nullopt when none is running. DEADLINE_EXCEEDED when its broker does not
// answer.
absl::StatusOr<std::optional<host::Status>> GetHostStatus(
    const std::string& home, absl::Duration limit = kBrokerAnswerLimit);
// Ends the host and waits for its end; kills a broker that has not ended after `limit`, and with it
// the host. False when none was running.
absl::StatusOr<bool> StopHost(const std::string& home, absl::Duration limit = kBrokerAnswerLimit);

// A stream to hostd of a running host, non-blocking, on which `request` is answered as host.proto
// says; waits while the host starts. NOT_FOUND when none runs, DEADLINE_EXCEEDED when the broker
// does not answer.
absl::StatusOr<UniqueFd> AskHostd(const std::string& home, const host::HostdRequest& request);

// Opens one call in the host, which is started first if need be. Belongs to the loop's thread; may
// be destroyed at any time, from its handlers too.
class HostCallOpener {
 public:
  struct Handlers {
    // What there is to wait for, for a person. Not called when the host is warm.
    std::function<void(const std::string&)> progress;
    // Once: a non-blocking stream that carries a call as agent.proto says, or the reason for none.
    std::function<void(absl::StatusOr<UniqueFd>)> opened;
  };
  // What waits outside of the loop, for locks, ends once `interrupt` is readable: Start returns, or
  // `opened` is given, CANCELLED then.
  static absl::StatusOr<std::unique_ptr<HostCallOpener>> Start(EventLoop& loop, HostFiles files,
                                                               Handlers handlers,
                                                               int interrupt = -1);

 private:
  HostCallOpener(EventLoop& loop, HostFiles files, Handlers handlers, int interrupt)
      : loop_(loop),
        files_(std::move(files)),
        handlers_(std::move(handlers)),
        interrupt_(interrupt) {}
  absl::Status Connect();
  void OnReadable();
  void Finish(absl::StatusOr<UniqueFd> result);

  EventLoop& loop_;
  const HostFiles files_;
  Handlers handlers_;
  const int interrupt_;
  int attempts_ = 0;
  UniqueFd socket_;
  EventLoop::Watch watch_;
};

}  // namespace voidbox

#endif  // VOIDBOX_SANDBOX_EMULATED_HOST_HOST_CLIENT_H_

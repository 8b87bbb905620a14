#ifndef VOIDBOX_SANDBOX_EMULATED_HOST_HOST_CLIENT_H_
#define VOIDBOX_SANDBOX_EMULATED_HOST_HOST_CLIENT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
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
// some ms unless another one is just ending.
absl::StatusOr<UniqueFd> ConnectToHost(const HostFiles& files);
// To one that serves already; NOT_FOUND when none does.
absl::StatusOr<UniqueFd> ConnectToRunningHost(const std::string& home);

// Status of the host; nullopt when none is running.
absl::StatusOr<std::optional<host::Status>> GetHostStatus(const std::string& home);
// Ends the host and waits for its end. False when none was running.
absl::StatusOr<bool> StopHost(const std::string& home);

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
  static absl::StatusOr<std::unique_ptr<HostCallOpener>> Start(EventLoop& loop, HostFiles files,
                                                               Handlers handlers);

 private:
  HostCallOpener(EventLoop& loop, HostFiles files, Handlers handlers)
      : loop_(loop), files_(std::move(files)), handlers_(std::move(handlers)) {}
  absl::Status Connect();
  void OnReadable();
  void Finish(absl::StatusOr<UniqueFd> result);

  EventLoop& loop_;
  const HostFiles files_;
  Handlers handlers_;
  int attempts_ = 0;
  UniqueFd socket_;
  EventLoop::Watch watch_;
};

}  // namespace voidbox

#endif  // VOIDBOX_SANDBOX_EMULATED_HOST_HOST_CLIENT_H_

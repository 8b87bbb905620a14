#ifndef VOIDBOX_SANDBOX_EMULATED_HOST_HOSTD_SANDBOXES_H_
#define VOIDBOX_SANDBOX_EMULATED_HOST_HOSTD_SANDBOXES_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"
#include "sandbox/emulated_host/host.pb.h"
#include "sandbox/end_sandbox.h"
#include "sandbox/output_pump.h"

namespace voidbox {

// Answers HostdRequests about the sandboxes that run beside hostd, so that no program need be
// started there to reach one. Belongs to its loop's thread.
class HostdSandboxes {
 public:
  // `sandboxes` is $VOIDBOX_HOME/sandboxes.
  HostdSandboxes(EventLoop& loop, std::string sandboxes)
      : loop_(loop), sandboxes_(std::move(sandboxes)) {}

  // The stream that answers a serialised HostdRequest; none refuses it.
  UniqueFd Answer(absl::string_view request);

 private:
  // One that has not got all of its answer yet. Who hangs up is forgotten when that is written.
  struct Asker {
    UniqueFd socket;
    std::unique_ptr<OutputPump> pump;
    std::unique_ptr<SandboxEnd> end;
    bool finished = false;
  };

  UniqueFd Connect(const host::ConnectRequest& request) const;
  absl::Status List(Asker& asker);
  absl::Status End(uint64_t id, Asker& asker, const host::EndRequest& request);
  void Finish(uint64_t id, const absl::Status& status);
  void ForgetIfDone(uint64_t id);

  EventLoop& loop_;  // outlives this
  const std::string sandboxes_;
  uint64_t next_id_ = 1;
  std::map<uint64_t, Asker> askers_;
};

}  // namespace voidbox

#endif  // VOIDBOX_SANDBOX_EMULATED_HOST_HOSTD_SANDBOXES_H_

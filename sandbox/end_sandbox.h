#ifndef VOIDBOX_SANDBOX_END_SANDBOX_H_
#define VOIDBOX_SANDBOX_END_SANDBOX_H_

#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"
#include "sandbox/sandbox_record.h"

namespace voidbox {

// Ends a sandbox of this machine through its owner, and sees its VMM end: in order, for at most a
// time, or at once. Belongs to its loop's thread; destroying it stops waiting, and what was
// signalled ends all the same.
class SandboxEnd {
 public:
  // Once: OK when all has ended. May destroy the SandboxEnd.
  using Handler = std::function<void(const absl::Status&)>;
  static absl::StatusOr<std::unique_ptr<SandboxEnd>> Start(EventLoop& loop,
                                                           const SandboxRecord& record,
                                                           bool orderly, absl::Duration patience,
                                                           Handler done);

 private:
  SandboxEnd(EventLoop& loop, const SandboxRecord& record, Handler done)
      : loop_(loop), record_(record), done_(std::move(done)) {}
  absl::Status SignalOwner(bool orderly, absl::Duration patience);
  absl::Status AwaitVmm();
  void OnDeadline();
  void Expect(const absl::Status& status);
  void Finish(const absl::Status& status);

  EventLoop& loop_;  // outlives this
  const SandboxRecord record_;
  Handler done_;
  UniqueFd owner_;  // pidfds; none of what has ended
  UniqueFd vmm_;
  bool killed_ = false;  // what is waited for
  EventLoop::Watch watch_;
  EventLoop::Timer deadline_;
};

// The same, waiting.
absl::Status EndSandbox(const SandboxRecord& record, bool orderly, absl::Duration patience);

}  // namespace voidbox

#endif  // VOIDBOX_SANDBOX_END_SANDBOX_H_

#ifndef VOIDBOX_SANDBOX_EMULATED_HOST_QMP_H_
#define VOIDBOX_SANDBOX_EMULATED_HOST_QMP_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"

namespace voidbox {

// Saves the state of a QEMU machine to a file while its CPUs rest, and lets them go on, over a QMP
// connection (QEMU docs/interop/qmp-spec.txt). Belongs to its loop's thread; may be destroyed at
// any time, then nothing is reported.
class StateSaver {
 public:
  // OK when the whole state is in the file. The machine runs on either way.
  using DoneHandler = std::function<void(const absl::Status&)>;

  // `monitor` is a non-blocking unix socket on which nothing was said yet. `state` takes the bytes.
  static absl::StatusOr<std::unique_ptr<StateSaver>> Start(EventLoop& loop, UniqueFd monitor,
                                                           UniqueFd state, DoneHandler done);

 private:
  StateSaver(UniqueFd monitor, UniqueFd state, DoneHandler done)
      : monitor_(std::move(monitor)), state_(std::move(state)), done_(std::move(done)) {}
  void OnReadable();
  absl::Status HandleLine(absl::string_view line);
  absl::Status SendNext();
  absl::Status SendCommand(absl::string_view command, int passed_fd);
  void Finish(const absl::Status& status);
  void Report();

  UniqueFd monitor_;
  UniqueFd state_;
  DoneHandler done_;
  std::string buffer_;
  size_t next_command_ = 0;
  bool resuming_ = false;  // the last command was sent
  int resume_attempts_ = 0;
  absl::Status result_;
  bool finished_ = false;
  EventLoop::Timer done_timer_;
  EventLoop::Watch watch_;
};

}  // namespace voidbox

#endif  // VOIDBOX_SANDBOX_EMULATED_HOST_QMP_H_

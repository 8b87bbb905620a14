#ifndef VOIDBOX_SANDBOX_EXEC_SESSION_H_
#define VOIDBOX_SANDBOX_EXEC_SESSION_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/agent.pb.h"
#include "agent/agent_call.h"
#include "base/event_loop.h"
#include "base/printable_text.h"
#include "base/unique_fd.h"
#include "sandbox/output_pump.h"

namespace voidbox {

// Runs one command through an agent, with this process' descriptors as its standard streams: bytes
// pass as they come, and a reader that is slow slows the command. The agent is not trusted: frames
// that do not belong end the call (DATA_LOSS), and what waits is bounded. Belongs to its loop's
// thread; destroying it cancels the command, unless that was made to outlive its callers.
class ExecSession {
 public:
  // Borrowed descriptors. An input of -1 is empty.
  struct Streams {
    int input = 0;
    int output = 1;
    int error = 2;
    // Control characters of that output are shown, not written (PrintableStream): it goes to a
    // terminal that the command was not given.
    bool printable_output = false;
    bool printable_error = false;
    // Of each output, what is more than so many bytes is thrown away; 0 for no limit.
    uint64_t max_bytes = 0;
  };
  // How the command ended, once all its output was written; CANCELLED when an output's reader is
  // gone; another status when the call failed.
  using EndHandler = std::function<void(absl::StatusOr<agent::ExecEnded>)>;
  struct Handlers {
    EndHandler ended;
    // The command runs; may be empty.
    std::function<void(const agent::ExecStarted&)> started;
    // Of a RunTsRequest, before its end; may be empty.
    std::function<void(const agent::RunTsResult&)> run_ts_result;
  };

  // `stream` and `vsock_port` as for AgentCall. The request is an exec, attach or run_ts, whose
  // `stdin` is set here.
  static absl::StatusOr<std::unique_ptr<ExecSession>> Start(EventLoop& loop, UniqueFd stream,
                                                            std::optional<uint32_t> vsock_port,
                                                            agent::Request request,
                                                            const Streams& streams,
                                                            Handlers handlers);

  // Delivers a signal to the command, as soon as it runs.
  void Signal(int number);
  // Tells its terminal the new size.
  void Resize(const agent::WindowSize& size);

 private:
  ExecSession(EventLoop& loop, const Streams& streams, Handlers handlers);
  // The task, but for when this is gone.
  EventLoop::Task Guarded(EventLoop::Task task);
  // Where one of the command's outputs goes.
  struct Sink {
    OutputPump pump;
    bool printable;
    uint64_t left;  // bytes that are still taken
    PrintableStream text;
  };
  void OnFrame(const agent::ServerFrame& frame);
  void OnStarted(const agent::ExecStarted& started);
  void OnOutput(Sink& sink, absl::string_view bytes);
  void OnEnded(const agent::ExecEnded& ended);
  void OnCallEnded(const absl::Status& status);
  void OnOutputChanged();
  void WatchInput();
  void ReadInput();
  void CloseInput();
  void MaybeFinish();
  void Finish(absl::StatusOr<agent::ExecEnded> result);

  EventLoop& loop_;
  const Streams streams_;
  Handlers handlers_;  // `ended` is empty once called
  // For what is in the loop's queue.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::unique_ptr<AgentCall> call_;
  Sink output_;
  Sink error_;
  bool started_ = false;
  bool input_open_ = false;
  bool input_always_ready_ = false;  // a regular file
  bool input_posted_ = false;        // a ReadInput is in the loop's queue
  std::vector<int> signals_before_start_;
  std::optional<agent::WindowSize> size_before_start_;
  std::optional<agent::ExecEnded> result_;
  EventLoop::Watch input_watch_;
};

}  // namespace voidbox

#endif  // VOIDBOX_SANDBOX_EXEC_SESSION_H_

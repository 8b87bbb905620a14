#ifndef VOIDBOX_AGENT_EXEC_CALL_H_
#define VOIDBOX_AGENT_EXEC_CALL_H_

#include <sys/types.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/byte_queue.h"
#include "agent/call.h"
#include "agent/child_watcher.h"
#include "agent/command.h"
#include "agent/connection.h"
#include "agent/process_tree.h"
#include "agent/spawner.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"

namespace voidbox {

// One command that runs, from its start to its last frame.
//
// The end: when the first process has ended (by itself or killed), what is left of its tree is
// killed, after the request's kill_grace_ms if it has one. When no process of the tree is left,
// what its pipes still hold is sent, and then how the first process ended. A process of another
// tree that has got hold of such a pipe delays nothing.
class ExecCall final : public Call {
 public:
  // All outlive the calls.
  struct Environment {
    EventLoop& loop;
    ChildWatcher& children;
    ProcessTrees& trees;
    Spawner& spawner;
    int null_fd;  // /dev/null
  };
  // Bytes of standard input that wait for the process; beyond them the host's frames wait.
  static constexpr size_t kInputLimit = 128 << 10;

  // INVALID_ARGUMENT for a bad request; RESOURCE_EXHAUSTED or others when the system has no
  // process, pipe or cgroup to give. A command that cannot be run is not an error but a call that
  // is done.
  static absl::StatusOr<std::unique_ptr<Call>> Start(const Environment& environment,
                                                     const agent::ExecRequest& request,
                                                     Connection& connection, Settle settle);
  ~ExecCall() override;

  absl::Status OnFrame(const agent::ClientFrame& frame) override;
  bool WantsFrames() const override { return input_.size() < kInputLimit; }
  void OnRoom() override;
  void Cancel() override;
  bool Done() const override { return done_; }

 private:
  using Clock = std::chrono::steady_clock;
  // A pipe from the process.
  struct Output {
    Connection::Output kind;
    UniqueFd pipe;           // ours; closed after its end
    size_t left = SIZE_MAX;  // bytes until its end, once that is known
    EventLoop::Watch watch;  // none while the connection is backed up
  };

  ExecCall(const Environment& environment, Command command, Connection& connection, Settle settle);
  absl::Status StartProcess();
  void SendNotStarted(const Spawner::NotStarted& failure);

  absl::Status WatchOutput(Output& output);
  void OnOutput(Output& output);
  bool ReadOutput(Output& output);
  void WriteInput();
  void CloseInput();

  absl::Status OnSignalFrame(const agent::Signal& signal);
  void OnMainProcessEnded(const ChildWatcher::Ending& ending);
  void OnTimeout();
  void KillAll();
  void StartGrace();
  void CheckTree();
  void Drain();
  void SendEnded();

  const Environment environment_;
  const Command command_;
  Connection& connection_;
  const Settle settle_;

  std::unique_ptr<ProcessTree> tree_;  // null when it cannot be waited for
  pid_t pid_ = 0;                      // 0 once reaped
  Clock::time_point started_;
  ChildWatcher::Ending ending_;
  agent::ExecEnded::Reason reason_ = agent::ExecEnded::REASON_UNSPECIFIED;
  bool timed_out_ = false;
  bool killed_by_us_ = false;
  bool tree_gone_ = false;
  bool cancelled_ = false;
  bool done_ = false;

  std::array<Output, 2> outputs_;
  ByteQueue input_;
  bool input_ends_ = false;  // the host has sent its last input
  UniqueFd input_pipe_;      // ours
  EventLoop::Watch input_watch_;
  EventLoop::Timer timeout_;
  EventLoop::Timer grace_;
};

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_EXEC_CALL_H_

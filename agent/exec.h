#ifndef VOIDBOX_AGENT_EXEC_H_
#define VOIDBOX_AGENT_EXEC_H_

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/agent.pb.h"
#include "agent/call.h"
#include "agent/child_watcher.h"
#include "agent/command.h"
#include "agent/connection.h"
#include "agent/exec_input.h"
#include "agent/exec_output.h"
#include "agent/exec_streams.h"
#include "agent/process_tree.h"
#include "agent/spawner.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"

namespace voidbox {

// One command: its process, the tree of that, and its streams, from its start to its end. What it
// says goes to the connection that is attached to it. Belongs to the loop's thread.
//
// The end: when the first process has exited by itself, what it started may go on. What the pipes
// hold then is sent, then how it ended, and what comes later is read and kept or thrown away: the
// exec lives, with has_left, until its tree is gone. In all other cases (see Command::kill_tree)
// what is left of the tree is killed, after the request's kill_grace_ms if it has one, and the end
// is told when no process of it is left. A process of another tree that has got hold of a pipe
// delays nothing.
class Exec {
 public:
  // All outlive the execs.
  struct Environment {
    EventLoop& loop;
    ChildWatcher& children;
    ProcessTrees& trees;
    Spawner& spawner;
    int null_fd;  // /dev/null
    // Whether one more exec may leave processes running; else they are killed.
    std::function<bool()> may_leave;
    // Called, as an event's last act, when nothing is left any more of what the exec had left.
    std::function<void(uint64_t id)> left_gone;
  };
  // Who is told; outlives its being attached. `settle` as in Call.
  struct Attachment {
    Connection& connection;
    Call::Settle settle;
    bool done = false;  // the last frame is queued
  };
  // Between the hang-up of a terminal, which its programs are told, and their end.
  static constexpr absl::Duration kHangUpGrace = absl::Seconds(1);

  // Attaches `attachment`. RESOURCE_EXHAUSTED or others when the system has no process, pipe or
  // cgroup to give. A command that cannot be run is not an error: it has ended.
  static absl::StatusOr<std::shared_ptr<Exec>> Start(const Environment& environment, uint64_t id,
                                                     Command command, Attachment& attachment);
  ~Exec();
  Exec(const Exec&) = delete;
  Exec& operator=(const Exec&) = delete;

  uint64_t id() const { return id_; }
  bool keep() const { return output_.kept() != nullptr; }
  // The last frame was sent, or is kept.
  bool ended() const { return ended_.has_value(); }
  // It has ended, and what it started goes on.
  bool has_left() const { return ended() && (tree_ != nullptr || awaits_output_); }
  // Processes and threads that it has left.
  uint32_t left_processes() const;
  agent::ExecInfo Info() const;

  // For an exec that keeps its output. Who was attached is told so, and done.
  void Attach(Attachment& attachment, bool skip_kept_output);
  // It goes on by itself, if it is kept; else use Cancel. Does nothing when another one is
  // attached.
  void Detach(const Attachment& attachment);
  // Once it has ended: its result and output are not kept any more. What it has left goes on.
  void GiveUp() { output_.Forget(); }

  // From who is attached. Input must be wanted, and does not come after its end.
  const Command& command() const { return command_; }
  bool input_ended() const { return input_.ended(); }
  bool WantsInput() const { return input_.HasRoom(); }
  void WriteInput(absl::string_view bytes);
  void EndInput() { LogFailure(input_.End()); }
  void Resize(const TerminalSize& size);
  // To the foreground group of its terminal, if it has one.
  void SignalForeground(int number);
  // Sends what was held to go with more: that it has started.
  void ReleaseStart();
  // The attached connection is no longer backed up.
  void OnRoom();
  // Ends it: a terminal hangs up, anything else is killed. Its output is dropped.
  void Cancel();
  // Kills the whole tree now.
  void Kill();
  // To the first process.
  void Signal(int number);

 private:
  using Clock = std::chrono::steady_clock;
  Exec(const Environment& environment, uint64_t id, Command command, Attachment& attachment);
  absl::Status StartProcess();
  absl::Status StartTimeout();
  Spawner::Place PlaceOf(const ExecStreams& streams) const;
  void ForgetArguments();
  void SendStarted(uint64_t lost_bytes, bool with_next);
  void Send(const agent::ServerFrame& frame);
  void OnOutput();
  // The last act of a handler.
  void Settle();
  void LogFailure(const absl::Status& status) const;

  agent::ExecEnded::Reason ReasonOf(const ChildWatcher::Ending& ending) const;
  void OnMainProcessEnded(const ChildWatcher::Ending& ending);
  bool MayLeave() const;
  void OnTreeHint();
  void OnTimeout();
  void HangUp();
  void KillAll();
  void EndTree();
  absl::Status SetTimer(EventLoop::Timer& timer, absl::Duration delay, void (Exec::*action)());
  void CheckTree();
  void Drain();
  void End(agent::ExecEnded ended);
  void Leave();
  void CheckLeft();

  const Environment environment_;
  const uint64_t id_;
  Command command_;  // its arguments are cut, and its environment dropped, once it has started
  Attachment* attached_;

  std::unique_ptr<ProcessTree> tree_;  // null when it cannot be waited for, or is gone
  pid_t pid_ = 0;                      // 0 once reaped
  Clock::time_point started_;
  ChildWatcher::Ending ending_;
  agent::ExecEnded::Reason reason_ = agent::ExecEnded::REASON_UNSPECIFIED;
  std::string message_;  // of the end
  bool timed_out_ = false;
  bool killed_by_us_ = false;
  bool leaves_ = false;  // what is left of the tree goes on
  bool draining_ = false;
  bool tree_gone_ = false;
  bool awaits_output_ = false;  // of processes that have left the tree
  bool cancelled_ = false;
  std::optional<agent::ExecEnded> ended_;

  ExecOutput output_;
  UniqueFd terminal_;  // the command's side, so that its output does not end before the command
  ExecInput input_;
  EventLoop::Timer timeout_;
  EventLoop::Timer grace_;
};

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_EXEC_H_

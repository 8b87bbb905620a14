#ifndef VOIDBOX_AGENT_EXEC_H_
#define VOIDBOX_AGENT_EXEC_H_

#include <sys/types.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/agent.pb.h"
#include "agent/call.h"
#include "agent/child_watcher.h"
#include "agent/command.h"
#include "agent/connection.h"
#include "agent/exec_input.h"
#include "agent/exec_streams.h"
#include "agent/kept_output.h"
#include "agent/process_tree.h"
#include "agent/spawner.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"

namespace voidbox {

// One command: its process, the tree of that, and its streams, from its start to its end. What it
// says goes to the connection that is attached to it. Belongs to the loop's thread.
//
// The end: when the first process has ended (by itself or killed), what is left of its tree is
// killed, after the request's kill_grace_ms if it has one. When no process of the tree is left,
// what its pipes still hold is sent, and then how the first process ended. A process of another
// tree that has got hold of such a pipe delays nothing.
class Exec {
 public:
  // All outlive the execs.
  struct Environment {
    EventLoop& loop;
    ChildWatcher& children;
    ProcessTrees& trees;
    Spawner& spawner;
    int null_fd;  // /dev/null
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
  bool keep() const { return command_.keep; }
  // The last frame was sent, or is kept.
  bool ended() const { return ended_.has_value(); }
  agent::ExecInfo Info() const;

  // For an exec that keeps its output. Who was attached is told so, and done.
  void Attach(Attachment& attachment, bool skip_kept_output);
  // It goes on by itself, if it is kept; else use Cancel. Does nothing when another one is
  // attached.
  void Detach(const Attachment& attachment);

  // From who is attached. Input must be wanted, and does not come after its end.
  const Command& command() const { return command_; }
  bool input_ended() const { return input_.ended(); }
  bool WantsInput() const { return input_.HasRoom(); }
  void WriteInput(absl::string_view bytes);
  void EndInput() { LogFailure(input_.End()); }
  void Resize(const TerminalSize& size);
  // To the foreground group of its terminal, if it has one.
  void SignalForeground(int number);
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
  // A pipe from the process, or its terminal.
  struct Output {
    Connection::Output kind;
    UniqueFd pipe;           // ours; closed after its end
    size_t left = SIZE_MAX;  // bytes until its end, once that is known
    EventLoop::Watch watch;  // none while the connection is backed up
  };
  Exec(const Environment& environment, uint64_t id, Command command, Attachment& attachment);
  absl::Status StartProcess();
  absl::Status StartTimeout();
  Spawner::Place PlaceOf(const ExecStreams& streams) const;
  void SendStarted(uint64_t lost_bytes);

  absl::Status WatchOutput(Output& output);
  void OnOutput(Output& output);
  bool ReadOutput(Output& output);
  bool BackedUp() const { return attached_ != nullptr && attached_->connection.BackedUp(); }
  void Send(const agent::ServerFrame& frame);
  // The last act of a handler.
  void Settle();
  void LogFailure(const absl::Status& status) const;

  agent::ExecEnded::Reason ReasonOf(const ChildWatcher::Ending& ending) const;
  void OnMainProcessEnded(const ChildWatcher::Ending& ending);
  void AwaitTree();
  void OnTimeout();
  void HangUp();
  void KillAll();
  void StartGrace();
  void CheckTree();
  void Drain();
  void End(agent::ExecEnded ended);

  const Environment environment_;
  const uint64_t id_;
  const Command command_;
  Attachment* attached_;

  std::unique_ptr<ProcessTree> tree_;  // null when it cannot be waited for
  pid_t pid_ = 0;                      // 0 once reaped
  Clock::time_point started_;
  ChildWatcher::Ending ending_;
  agent::ExecEnded::Reason reason_ = agent::ExecEnded::REASON_UNSPECIFIED;
  bool timed_out_ = false;
  bool killed_by_us_ = false;
  bool tree_gone_ = false;
  bool cancelled_ = false;
  std::optional<agent::ExecEnded> ended_;

  std::unique_ptr<KeptOutput> kept_;  // null unless it keeps its output
  std::array<Output, 2> outputs_;
  UniqueFd terminal_;  // the command's side, so that its output does not end before the command
  ExecInput input_;
  EventLoop::Timer timeout_;
  EventLoop::Timer grace_;
};

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_EXEC_H_

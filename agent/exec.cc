#include "agent/exec.h"

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/error_frame.h"
#include "agent/terminal.h"
#include "base/log.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

constexpr size_t kMaxListedArgumentBytes = 256;
constexpr char kTooManyLeft[] =
    "what it left running was killed, as too many commands before it have left something; end some "
    "of that";

}  // namespace

absl::StatusOr<std::shared_ptr<Exec>> Exec::Start(const Environment& environment, uint64_t id,
                                                  Command command, Attachment& attachment) {
  std::shared_ptr<Exec> exec(new Exec(environment, id, std::move(command), attachment));
  RETURN_IF_ERROR(exec->StartProcess());
  return exec;
}

Exec::Exec(const Environment& environment, uint64_t id, Command command, Attachment& attachment)
    : environment_(environment),
      id_(id),
      command_(std::move(command)),
      attached_(&attachment),
      output_(environment.loop, command_.keep, [this] { OnOutput(); }),
      input_(environment.loop, [this] { Settle(); }) {
  output_.SetConnection(&attachment.connection);
}

Exec::~Exec() {
  if (pid_ != 0) environment_.children.Forget(pid_);
}

// --- The start ---

// All that can fail comes before the process, so that a failure leaves none.
absl::Status Exec::StartProcess() {
  ASSIGN_OR_RETURN(ExecStreams streams, OpenExecStreams(command_));
  output_.Open(std::move(streams.our_output), std::move(streams.our_error));
  input_.Open(std::move(streams.our_input), command_.terminal.has_value());
  RETURN_IF_ERROR(output_.Watch());
  RETURN_IF_ERROR(StartTimeout());
  const bool is_privileged = !command_.account || command_.account->uid == 0;
  ASSIGN_OR_RETURN(
      tree_, environment_.trees.Create({.limits = command_.limits, .reusable = !is_privileged}));
  ASSIGN_OR_RETURN(const auto started, environment_.spawner.Start(command_, PlaceOf(streams)));
  if (command_.terminal) terminal_ = std::move(streams.output);
  ForgetArguments();
  if (const auto* failure = std::get_if<Spawner::NotStarted>(&started)) {
    agent::ExecEnded ended;
    ended.set_reason(agent::ExecEnded::NOT_STARTED);
    ended.set_exit_code(static_cast<uint32_t>(failure->exit_code));
    ended.set_message(MessageText(failure->message));
    static_cast<void>(tree_->Gone());  // gives its cgroup back
    tree_.reset();
    output_.SetConnection(nullptr);
    End(std::move(ended));
    return absl::OkStatus();
  }
  pid_ = std::get<pid_t>(started);
  tree_->OnStarted(pid_);
  environment_.children.Add(pid_, [this](const ChildWatcher::Ending& ending) {
    OnMainProcessEnded(ending);
    Settle();
  });
  // Most commands have soon something to say, or end: one packet to the host then does for both.
  // Who gives it input or a terminal, or lets it go on alone, may wait for this.
  const bool awaited = command_.wants_input || command_.terminal || command_.keep;
  SendStarted(/*lost_bytes=*/0, /*with_next=*/!awaited);
  return absl::OkStatus();
}

Spawner::Place Exec::PlaceOf(const ExecStreams& streams) const {
  const int output = streams.output.get();
  if (command_.terminal) {
    return {.input = output,
            .output = output,
            .error = output,
            .controls_terminal = true,
            .cgroup = tree_->cgroup()};
  }
  return {.input = streams.input ? streams.input.get() : environment_.null_fd,
          .output = output,
          .error = streams.error.get(),
          .controls_terminal = false,
          .cgroup = tree_->cgroup()};
}

absl::Status Exec::StartTimeout() {
  // Not after the timeout begins, or a command that used it up would seem to have ended before.
  started_ = Clock::now();
  if (command_.timeout == absl::InfiniteDuration()) return absl::OkStatus();
  return SetTimer(timeout_, command_.timeout, &Exec::OnTimeout);
}

// They may have 2 MiB, and an exec may live for long.
void Exec::ForgetArguments() {
  std::vector<std::string> listed;
  size_t room = kMaxListedArgumentBytes;
  for (const std::string& argument : command_.arguments) {
    listed.push_back(argument.substr(0, room));
    if (argument.size() >= room) break;
    room -= argument.size();
  }
  command_.arguments = std::move(listed);
  command_.environment = {};
  command_.path = {};
}

void Exec::SendStarted(uint64_t lost_bytes, bool with_next) {
  agent::ServerFrame frame;
  agent::ExecStarted& started = *frame.mutable_started();
  started.set_pid(static_cast<uint32_t>(pid_));
  started.set_id(id_);
  started.set_lost_bytes(lost_bytes);
  if (!with_next) return Send(frame);
  if (attached_ != nullptr) attached_->connection.SendWithNext(frame);
}

void Exec::ReleaseStart() {
  if (attached_ == nullptr) return;
  attached_->connection.Release();
  Settle();
}

// --- Who is attached ---

void Exec::Attach(Attachment& attachment, bool skip_kept_output) {
  if (Attachment* const before = std::exchange(attached_, nullptr); before != nullptr) {
    before->connection.Send(ErrorFrame(absl::FailedPreconditionError(
        absl::StrCat("exec ", id_, ": another connection has attached to it"))));
    before->done = true;
    before->settle();  // which may be its end
  }
  attached_ = &attachment;
  SendStarted(skip_kept_output ? 0 : output_.kept()->lost_bytes(), /*with_next=*/false);
  if (!skip_kept_output) output_.kept()->SendTo(attachment.connection);
  if (!ended_) {
    output_.SetConnection(&attachment.connection);
    return OnRoom();
  }
  agent::ServerFrame frame;
  *frame.mutable_ended() = *ended_;
  Send(frame);
  attachment.done = true;
}

void Exec::Detach(const Attachment& attachment) {
  if (attached_ != &attachment) return;
  attached_ = nullptr;
  output_.SetConnection(nullptr);
  if (keep() && !ended_) OnRoom();
}

void Exec::Send(const agent::ServerFrame& frame) {
  if (attached_ != nullptr) attached_->connection.Send(frame);
}

void Exec::Settle() {
  if (attached_ != nullptr) attached_->settle();
}

agent::ExecInfo Exec::Info() const {
  agent::ExecInfo info;
  info.set_id(id_);
  info.set_pid(static_cast<uint32_t>(pid_));
  for (const std::string& argument : command_.arguments) info.add_argv(argument);
  const auto age = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - started_);
  info.set_age_us(static_cast<uint64_t>(age.count()));
  info.set_keep(keep());
  info.set_attached(attached_ != nullptr && !attached_->done);
  if (ended_) *info.mutable_ended() = *ended_;
  info.set_uid(command_.account ? command_.account->uid : 0);
  info.set_isolation(command_.jail.empty() ? agent::ROOTFS : agent::JAIL);
  info.set_left_processes(left_processes());
  return info;
}

uint32_t Exec::left_processes() const {
  return ended_ && tree_ != nullptr ? tree_->Processes() : 0;
}

void Exec::LogFailure(const absl::Status& status) const {
  if (!status.ok()) LogError("exec of ", command_.arguments[0], ": ", status.message());
}

// --- Output ---

void Exec::OnOutput() {
  if (!ended_) return Settle();
  if (awaits_output_) CheckLeft();
}

void Exec::OnRoom() {
  if (draining_) return Drain();
  if (const absl::Status status = output_.Watch(); !status.ok()) {
    LogFailure(status);
    KillAll();
  }
}

// --- Input ---

void Exec::WriteInput(absl::string_view bytes) {
  const absl::Status status = input_.Write(bytes);
  LogFailure(status);
  if (!status.ok()) KillAll();
}

void Exec::Signal(int number) {
  if (pid_ != 0) ::kill(pid_, number);
}

void Exec::SignalForeground(int number) {
  const pid_t group = terminal_ && pid_ != 0 ? ForegroundGroup(output_.fd()) : 0;
  // Process 1 is us, and the group of that number would be every process.
  if (group <= 1 || ::kill(-group, number) != 0) Signal(number);
}

void Exec::Resize(const TerminalSize& size) {
  if (terminal_) LogFailure(ResizeTerminal(terminal_.get(), size));
}

// --- The end ---

void Exec::OnTimeout() {
  if (pid_ == 0 || killed_by_us_) return;
  timed_out_ = true;
  KillAll();
}

void Exec::Cancel() {
  if (cancelled_) return;
  cancelled_ = true;
  if (ended_) {
    // Who hangs up before the end was told has cancelled what goes on.
    if (attached_ != nullptr && attached_->connection.unsent() != 0) Kill();
    return;
  }
  input_.Close();
  if (tree_gone_) return Drain();
  if (std::exchange(leaves_, false)) return EndTree();
  if (pid_ == 0) return;  // the end is under way already
  if (terminal_) {
    HangUp();
  } else {
    KillAll();
  }
}

absl::Status Exec::SetTimer(EventLoop::Timer& timer, absl::Duration delay, void (Exec::*action)()) {
  ASSIGN_OR_RETURN(timer, environment_.loop.AddTimer([this, action] {
    (this->*action)();
    Settle();
  }));
  return timer.Set(delay);
}

// The last of our descriptors of the terminal tells its programs; they have some time to go.
void Exec::HangUp() {
  output_.Close();
  terminal_.Reset();
  const absl::Status status = SetTimer(timeout_, kHangUpGrace, &Exec::KillAll);
  LogFailure(status);
  if (!status.ok()) KillAll();
}

// Kills the first process now and the rest after the grace, or all now.
void Exec::KillAll() {
  if (killed_by_us_ || pid_ == 0) return;
  killed_by_us_ = true;
  if (command_.kill_grace == absl::ZeroDuration()) tree_->Kill();
  // By itself too: a process with the right to may have left its tree.
  ::kill(pid_, SIGKILL);
}

void Exec::Kill() {
  if (tree_gone_ || tree_ == nullptr) return;
  killed_by_us_ = true;
  tree_->Kill();
  Signal(SIGKILL);
}

agent::ExecEnded::Reason Exec::ReasonOf(const ChildWatcher::Ending& ending) const {
  if (!ending.signaled) return agent::ExecEnded::EXITED;
  if (timed_out_) return agent::ExecEnded::TIMED_OUT;
  if (ending.value == SIGKILL && !killed_by_us_ && tree_->KilledForMemory()) {
    return agent::ExecEnded::OUT_OF_MEMORY;
  }
  return agent::ExecEnded::SIGNALED;
}

void Exec::OnMainProcessEnded(const ChildWatcher::Ending& ending) {
  pid_ = 0;
  ending_ = ending;
  timeout_.Cancel();
  input_.Close();
  reason_ = ReasonOf(ending);
  const bool gone = tree_->Gone();
  const bool may_leave = MayLeave() && environment_.may_leave();
  if (gone) {
    awaits_output_ = may_leave && tree_->MayBeLeft();
  } else {
    leaves_ = may_leave;
    if (!leaves_) EndTree();
    if (!leaves_ && MayLeave()) message_ = kTooManyLeft;
    const absl::Status status = tree_->WatchGone([this] { OnTreeHint(); });
    LogFailure(status);
    if (!status.ok()) tree_.reset();
  }
  CheckTree();
}

bool Exec::MayLeave() const {
  return reason_ == agent::ExecEnded::EXITED && !killed_by_us_ && !cancelled_ &&
         !command_.kill_tree;
}

// Kills what is left of the tree, now or after the grace.
void Exec::EndTree() {
  if (command_.kill_grace == absl::ZeroDuration()) return tree_->Kill();
  const absl::Status status = SetTimer(grace_, command_.kill_grace, &Exec::Kill);
  LogFailure(status);
  if (!status.ok()) tree_->Kill();
}

void Exec::OnTreeHint() {
  if (ended_) return CheckLeft();
  CheckTree();
  Settle();
}

void Exec::CheckTree() {
  if (tree_gone_ || pid_ != 0) return;
  tree_gone_ = tree_ == nullptr || tree_->Gone();
  if (!tree_gone_ && !leaves_) return;
  if (!std::exchange(draining_, true)) output_.Limit(command_.terminal.has_value());
  terminal_.Reset();
  Drain();
}

// Sends what the pipes held when the end came, as far as the connection takes it, then the last
// frame.
void Exec::Drain() {
  if (ended_ || (!tree_gone_ && !leaves_)) return;
  if (!cancelled_ && !output_.Drain()) return;
  agent::ExecEnded ended;
  ended.set_reason(reason_);
  if (ending_.signaled) {
    ended.set_signal(static_cast<uint32_t>(ending_.value));
  } else {
    ended.set_exit_code(static_cast<uint32_t>(ending_.value));
  }
  ended.set_message(message_);
  output_.SetConnection(nullptr);
  output_.LiftLimit();
  if (tree_gone_) {
    tree_.reset();
    awaits_output_ = awaits_output_ && !cancelled_ && output_.HasWriter();
  }
  ended.set_left_running(tree_ != nullptr || awaits_output_);
  ended.set_duration_us(static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - started_).count()));
  End(std::move(ended));
}

void Exec::End(agent::ExecEnded ended) {
  ended_ = std::move(ended);
  timeout_ = EventLoop::Timer();
  grace_ = EventLoop::Timer();
  agent::ServerFrame frame;
  *frame.mutable_ended() = *ended_;
  Send(frame);
  if (attached_ != nullptr) attached_->done = true;
  if (has_left()) return Leave();
  output_.Close();  // what is kept of it may be kept for long
}

// --- What is left ---

// From now on what comes is read only to be kept or thrown away.
void Exec::Leave() {
  absl::Status status = output_.Watch();
  if (status.ok() && command_.max_tree_time != absl::InfiniteDuration()) {
    const absl::Duration age = absl::FromChrono(Clock::now() - started_);
    status = SetTimer(timeout_, command_.max_tree_time - age, &Exec::Kill);
  }
  LogFailure(status);
  if (!status.ok()) Kill();
}

void Exec::CheckLeft() {
  if (tree_ != nullptr && tree_->Gone()) tree_.reset();
  awaits_output_ = awaits_output_ && output_.HasWriter();
  if (has_left()) return;
  // What came last.
  output_.Limit(/*is_terminal=*/false);
  output_.Drain();
  output_.Close();
  timeout_ = EventLoop::Timer();
  const auto left_gone = environment_.left_gone;  // which may destroy this
  left_gone(id_);
}

}  // namespace voidbox

#include "agent/exec.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "agent/error_frame.h"
#include "agent/terminal.h"
#include "base/ioctl.h"
#include "base/log.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

constexpr size_t kMaxListedArgumentBytes = 256;

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
      kept_(command_.keep ? std::make_unique<KeptOutput>() : nullptr),
      input_(environment.loop, [this] { Settle(); }) {
  outputs_[0].kind = Connection::Output::kStdout;
  outputs_[1].kind = Connection::Output::kStderr;
}

Exec::~Exec() {
  if (pid_ != 0) environment_.children.Forget(pid_);
}

// --- The start ---

// All that can fail comes before the process, so that a failure leaves none.
absl::Status Exec::StartProcess() {
  ASSIGN_OR_RETURN(ExecStreams streams, OpenExecStreams(command_));
  outputs_[0].pipe = std::move(streams.our_output);
  outputs_[1].pipe = std::move(streams.our_error);
  input_.Open(std::move(streams.our_input), command_.terminal.has_value());
  for (Output& output : outputs_) {
    if (output.pipe) RETURN_IF_ERROR(WatchOutput(output));
  }
  RETURN_IF_ERROR(StartTimeout());
  const bool is_privileged = !command_.account || command_.account->uid == 0;
  ASSIGN_OR_RETURN(
      tree_, environment_.trees.Create({.limits = command_.limits, .reusable = !is_privileged}));
  ASSIGN_OR_RETURN(const auto started, environment_.spawner.Start(command_, PlaceOf(streams)));
  if (command_.terminal) terminal_ = std::move(streams.output);
  if (const auto* failure = std::get_if<Spawner::NotStarted>(&started)) {
    agent::ExecEnded ended;
    ended.set_reason(agent::ExecEnded::NOT_STARTED);
    ended.set_exit_code(static_cast<uint32_t>(failure->exit_code));
    ended.set_message(MessageText(failure->message));
    tree_gone_ = tree_->Gone();
    End(std::move(ended));
    return absl::OkStatus();
  }
  pid_ = std::get<pid_t>(started);
  tree_->OnStarted(pid_);
  environment_.children.Add(pid_, [this](const ChildWatcher::Ending& ending) {
    OnMainProcessEnded(ending);
    Settle();
  });
  SendStarted(/*lost_bytes=*/0);
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
  ASSIGN_OR_RETURN(timeout_, environment_.loop.AddTimer([this] {
    OnTimeout();
    Settle();
  }));
  return timeout_.Set(command_.timeout);
}

void Exec::SendStarted(uint64_t lost_bytes) {
  agent::ServerFrame frame;
  agent::ExecStarted& started = *frame.mutable_started();
  started.set_pid(static_cast<uint32_t>(pid_));
  started.set_id(id_);
  started.set_lost_bytes(lost_bytes);
  Send(frame);
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
  SendStarted(skip_kept_output ? 0 : kept_->lost_bytes());
  if (!skip_kept_output) kept_->SendTo(attachment.connection);
  if (!ended_) return OnRoom();
  agent::ServerFrame frame;
  *frame.mutable_ended() = *ended_;
  Send(frame);
  attachment.done = true;
}

void Exec::Detach(const Attachment& attachment) {
  if (attached_ != &attachment) return;
  attached_ = nullptr;
  if (kept_ != nullptr && !ended_) OnRoom();
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
  size_t room = kMaxListedArgumentBytes;
  for (const std::string& argument : command_.arguments) {
    info.add_argv(argument.substr(0, room));
    if (argument.size() >= room) break;
    room -= argument.size();
  }
  const auto age = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - started_);
  info.set_age_us(static_cast<uint64_t>(age.count()));
  info.set_keep(keep());
  info.set_attached(attached_ != nullptr && !attached_->done);
  if (ended_) *info.mutable_ended() = *ended_;
  info.set_uid(command_.account ? command_.account->uid : 0);
  info.set_isolation(command_.jail.empty() ? agent::ROOTFS : agent::JAIL);
  return info;
}

void Exec::LogFailure(const absl::Status& status) const {
  if (!status.ok()) LogError("exec of ", command_.arguments[0], ": ", status.message());
}

// --- Output ---

absl::Status Exec::WatchOutput(Output& output) {
  ASSIGN_OR_RETURN(output.watch,
                   environment_.loop.Add(output.pipe.get(), EPOLLIN, [this, &output](uint32_t) {
                     OnOutput(output);
                     Settle();
                   }));
  return absl::OkStatus();
}

void Exec::OnOutput(Output& output) {
  ReadOutput(output);
  // Not only silenced: a pipe whose writers are gone would go on to report that.
  if (output.pipe && BackedUp()) output.watch.Reset();
}

// Reads once. False when nothing came: the pipe is then closed, or empty for now.
bool Exec::ReadOutput(Output& output) {
  const size_t most = std::min(output.left, Connection::kMaxOutputPieceBytes);
  std::array<char, Connection::kMaxOutputPieceBytes> piece;  // for when nobody is attached
  char* const bytes = attached_ != nullptr ? attached_->connection.ReserveOutput() : piece.data();
  ssize_t got = 0;
  if (most != 0) got = ::read(output.pipe.get(), bytes, most);
  if (got < 0 && (errno == EAGAIN || errno == EINTR) && !tree_gone_) return false;
  if (got <= 0) {
    output.watch.Reset();
    output.pipe.Reset();
    return false;
  }
  const size_t size = static_cast<size_t>(got);
  if (tree_gone_) output.left -= size;
  if (kept_ != nullptr) kept_->Append(output.kind, {bytes, size});
  if (attached_ != nullptr) attached_->connection.CommitOutput(output.kind, size);
  return true;
}

void Exec::OnRoom() {
  if (tree_gone_) return Drain();
  for (Output& output : outputs_) {
    if (!output.pipe || output.watch || BackedUp()) continue;
    if (const absl::Status status = WatchOutput(output); !status.ok()) {
      LogFailure(status);
      KillAll();
    }
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
  const pid_t group = terminal_ && pid_ != 0 ? ForegroundGroup(outputs_[0].pipe.get()) : 0;
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
  input_.Close();
  if (tree_gone_) return Drain();
  if (pid_ == 0) return;  // the end is under way already
  if (terminal_) {
    HangUp();
  } else {
    KillAll();
  }
}

// The last of our descriptors of the terminal tells its programs; they have some time to go.
void Exec::HangUp() {
  outputs_[0].watch.Reset();
  outputs_[0].pipe.Reset();
  terminal_.Reset();
  auto timer = environment_.loop.AddTimer([this] {
    KillAll();
    Settle();
  });
  absl::Status status = timer.status();
  if (timer.ok()) {
    timeout_ = *std::move(timer);
    status = timeout_.Set(kHangUpGrace);
  }
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
  if (!tree_->Gone()) AwaitTree();
  CheckTree();
}

void Exec::AwaitTree() {
  if (command_.kill_grace == absl::ZeroDuration()) {
    tree_->Kill();
  } else {
    StartGrace();
  }
  const absl::Status status = tree_->WatchGone([this] {
    CheckTree();
    Settle();
  });
  LogFailure(status);
  if (!status.ok()) tree_.reset();
}

void Exec::StartGrace() {
  auto timer = environment_.loop.AddTimer([this] {
    if (tree_) tree_->Kill();
  });
  absl::Status status = timer.status();
  if (timer.ok()) {
    grace_ = *std::move(timer);
    status = grace_.Set(command_.kill_grace);
  }
  LogFailure(status);
  if (!status.ok()) tree_->Kill();
}

void Exec::CheckTree() {
  if (tree_gone_ || pid_ != 0 || (tree_ && !tree_->Gone())) return;
  tree_gone_ = true;
  grace_.Cancel();
  terminal_.Reset();
  for (Output& output : outputs_) {
    output.watch.Reset();
    if (!output.pipe) continue;
    if (command_.terminal) {
      output.left = kMaxTerminalBytes;
      continue;
    }
    int size = 0;
    output.left =
        Ioctl(output.pipe.get(), FIONREAD, "FIONREAD", &size).ok() ? static_cast<size_t>(size) : 0;
  }
  Drain();
}

// Sends what the pipes still hold as far as the connection takes it, then the last frame.
void Exec::Drain() {
  if (ended_) return;
  for (Output& output : outputs_) {
    while (output.pipe && !cancelled_) {
      if (BackedUp()) return;
      ReadOutput(output);
    }
  }
  agent::ExecEnded ended;
  ended.set_reason(reason_);
  if (ending_.signaled) {
    ended.set_signal(static_cast<uint32_t>(ending_.value));
  } else {
    ended.set_exit_code(static_cast<uint32_t>(ending_.value));
  }
  ended.set_duration_us(static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - started_).count()));
  End(std::move(ended));
}

void Exec::End(agent::ExecEnded ended) {
  ended_ = std::move(ended);
  // What is kept of it may be kept for long.
  tree_.reset();
  timeout_ = EventLoop::Timer();
  grace_ = EventLoop::Timer();
  agent::ServerFrame frame;
  *frame.mutable_ended() = *ended_;
  Send(frame);
  if (attached_ != nullptr) attached_->done = true;
}

}  // namespace voidbox

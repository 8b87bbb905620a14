#include "agent/exec_call.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "agent/error_frame.h"
#include "base/errno_status.h"
#include "base/ioctl.h"
#include "base/log.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

constexpr uint32_t kMaxSignal = 64;

struct Pipe {
  UniqueFd read, write;
};

// `ours` is made non-blocking: the other end's processes must not see that, and a process that
// opens /proc/self/fd/1 could otherwise leave us waiting for what it has read itself.
absl::StatusOr<Pipe> MakePipe(UniqueFd Pipe::*ours) {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) return ErrnoStatus("pipe2");
  Pipe pipe = {UniqueFd(fds[0]), UniqueFd(fds[1])};
  if (::fcntl((pipe.*ours).get(), F_SETFL, O_NONBLOCK) != 0) return ErrnoStatus("fcntl(F_SETFL)");
  return pipe;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Call>> ExecCall::Start(const Environment& environment,
                                                      const agent::ExecRequest& request,
                                                      Connection& connection, Settle settle) {
  ASSIGN_OR_RETURN(Command command, ParseCommand(request));
  std::unique_ptr<ExecCall> call(
      new ExecCall(environment, std::move(command), connection, std::move(settle)));
  RETURN_IF_ERROR(call->StartProcess());
  return call;
}

ExecCall::ExecCall(const Environment& environment, Command command, Connection& connection,
                   Settle settle)
    : environment_(environment),
      command_(std::move(command)),
      connection_(connection),
      settle_(std::move(settle)) {
  outputs_[0].kind = Connection::Output::kStdout;
  outputs_[1].kind = Connection::Output::kStderr;
}

ExecCall::~ExecCall() {
  if (pid_ != 0) environment_.children.Forget(pid_);
}

// All that can fail comes before the process, so that a failure leaves none.
absl::Status ExecCall::StartProcess() {
  ASSIGN_OR_RETURN(Pipe out, MakePipe(&Pipe::read));
  ASSIGN_OR_RETURN(Pipe err, MakePipe(&Pipe::read));
  Pipe in;
  if (command_.wants_input) {
    ASSIGN_OR_RETURN(in, MakePipe(&Pipe::write));
  }
  outputs_[0].pipe = std::move(out.read);
  outputs_[1].pipe = std::move(err.read);
  input_pipe_ = std::move(in.write);
  for (Output& output : outputs_) RETURN_IF_ERROR(WatchOutput(output));
  // Not after the timeout begins, or a command that used it up would seem to have ended before.
  started_ = Clock::now();
  if (command_.timeout != absl::InfiniteDuration()) {
    ASSIGN_OR_RETURN(timeout_, environment_.loop.AddTimer([this] {
      OnTimeout();
      settle_();
    }));
    RETURN_IF_ERROR(timeout_.Set(command_.timeout));
  }
  ASSIGN_OR_RETURN(tree_, environment_.trees.Create());
  ASSIGN_OR_RETURN(
      const auto started,
      environment_.spawner.Start(command_, {.input = in.read ? in.read.get() : environment_.null_fd,
                                            .output = out.write.get(),
                                            .error = err.write.get(),
                                            .cgroup = tree_->cgroup()}));
  if (const auto* failure = std::get_if<Spawner::NotStarted>(&started)) {
    SendNotStarted(*failure);
    return absl::OkStatus();
  }
  pid_ = std::get<pid_t>(started);
  tree_->OnStarted(pid_);
  environment_.children.Add(pid_, [this](const ChildWatcher::Ending& ending) {
    OnMainProcessEnded(ending);
    settle_();
  });
  agent::ServerFrame frame;
  frame.mutable_started()->set_pid(static_cast<uint32_t>(pid_));
  connection_.Send(frame);
  return absl::OkStatus();
}

void ExecCall::SendNotStarted(const Spawner::NotStarted& failure) {
  agent::ServerFrame frame;
  agent::ExecEnded& ended = *frame.mutable_ended();
  ended.set_reason(agent::ExecEnded::NOT_STARTED);
  ended.set_exit_code(static_cast<uint32_t>(failure.exit_code));
  ended.set_message(MessageText(failure.message));
  connection_.Send(frame);
  tree_gone_ = tree_->Gone();
  done_ = true;
}

// --- Output ---

absl::Status ExecCall::WatchOutput(Output& output) {
  ASSIGN_OR_RETURN(output.watch,
                   environment_.loop.Add(output.pipe.get(), EPOLLIN, [this, &output](uint32_t) {
                     OnOutput(output);
                     settle_();
                   }));
  return absl::OkStatus();
}

void ExecCall::OnOutput(Output& output) {
  ReadOutput(output);
  // Not only silenced: a pipe whose writers are gone would go on to report that.
  if (output.pipe && connection_.BackedUp()) output.watch.Reset();
}

// Reads once. False when nothing came: the pipe is then closed, or empty for now.
bool ExecCall::ReadOutput(Output& output) {
  const size_t most = std::min(output.left, Connection::kMaxOutputPieceBytes);
  ssize_t got = 0;
  if (most != 0) got = ::read(output.pipe.get(), connection_.ReserveOutput(), most);
  if (got < 0 && (errno == EAGAIN || errno == EINTR) && !tree_gone_) return false;
  if (got <= 0) {
    output.watch.Reset();
    output.pipe.Reset();
    return false;
  }
  if (tree_gone_) output.left -= static_cast<size_t>(got);
  connection_.CommitOutput(output.kind, static_cast<size_t>(got));
  return true;
}

void ExecCall::OnRoom() {
  if (tree_gone_) return Drain();
  for (Output& output : outputs_) {
    if (!output.pipe || output.watch) continue;
    if (const absl::Status status = WatchOutput(output); !status.ok()) {
      LogError("exec of ", command_.arguments[0], ": ", status.message());
      KillAll();
    }
  }
}

// --- Input ---

absl::Status ExecCall::OnFrame(const agent::ClientFrame& frame) {
  switch (frame.frame_case()) {
    case agent::ClientFrame::kStdin:
      if (!command_.wants_input) {
        return absl::InvalidArgumentError("stdin: the request did not ask for standard input");
      }
      if (input_ends_) return absl::InvalidArgumentError("stdin: comes after close_stdin");
      // Without a pipe, the process has ended or closed its input: nobody reads this.
      if (input_pipe_) {
        input_.Append(frame.stdin());
        WriteInput();
      }
      return absl::OkStatus();
    case agent::ClientFrame::kCloseStdin:
      input_ends_ = true;
      if (input_.empty()) CloseInput();
      return absl::OkStatus();
    case agent::ClientFrame::kSignal:
      return OnSignalFrame(frame.signal());
    default:
      break;
  }
  return absl::InvalidArgumentError("frame: none of stdin, close_stdin and signal");
}

absl::Status ExecCall::OnSignalFrame(const agent::Signal& signal) {
  if (signal.number() < 1 || signal.number() > kMaxSignal) {
    return absl::InvalidArgumentError(
        absl::StrCat("signal: ", signal.number(), " is outside 1 to ", kMaxSignal));
  }
  if (pid_ != 0) ::kill(pid_, static_cast<int>(signal.number()));
  return absl::OkStatus();
}

void ExecCall::WriteInput() {
  while (!input_.empty()) {
    const absl::string_view bytes = input_.contents();
    const ssize_t written = ::write(input_pipe_.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EAGAIN) {
      if (input_watch_) return;
      auto watch = environment_.loop.Add(input_pipe_.get(), EPOLLOUT, [this](uint32_t) {
        WriteInput();
        settle_();
      });
      if (watch.ok()) {
        input_watch_ = *std::move(watch);
        return;
      }
      LogError("exec of ", command_.arguments[0], ": ", watch.status().message());
      KillAll();
      return CloseInput();
    }
    if (written < 0) return CloseInput();  // EPIPE: nobody reads it any more
    input_.Consume(static_cast<size_t>(written));
  }
  input_watch_.Reset();
  if (input_ends_) CloseInput();
}

void ExecCall::CloseInput() {
  input_watch_.Reset();
  input_pipe_.Reset();
  input_.Clear();
}

// --- The end ---

void ExecCall::OnTimeout() {
  if (pid_ == 0 || killed_by_us_) return;
  timed_out_ = true;
  KillAll();
}

void ExecCall::Cancel() {
  if (cancelled_) return;
  cancelled_ = true;
  CloseInput();
  if (!tree_gone_ && pid_ != 0) KillAll();
  // Otherwise the end is under way already.
  if (tree_gone_) Drain();
}

// Kills the first process now and the rest after the grace, or all now.
void ExecCall::KillAll() {
  if (killed_by_us_ || pid_ == 0) return;
  killed_by_us_ = true;
  if (command_.kill_grace == absl::ZeroDuration()) tree_->Kill();
  // By itself too: a process with the right to may have left its tree.
  ::kill(pid_, SIGKILL);
}

void ExecCall::OnMainProcessEnded(const ChildWatcher::Ending& ending) {
  pid_ = 0;
  ending_ = ending;
  timeout_.Cancel();
  CloseInput();
  if (!ending.signaled) {
    reason_ = agent::ExecEnded::EXITED;
  } else if (timed_out_) {
    reason_ = agent::ExecEnded::TIMED_OUT;
  } else if (ending.value == SIGKILL && tree_->KilledForMemory()) {
    reason_ = agent::ExecEnded::OUT_OF_MEMORY;
  } else {
    reason_ = agent::ExecEnded::SIGNALED;
  }
  if (!tree_->Gone()) {
    if (command_.kill_grace == absl::ZeroDuration()) {
      tree_->Kill();
    } else {
      StartGrace();
    }
    const absl::Status status = tree_->WatchGone([this] {
      CheckTree();
      settle_();
    });
    if (!status.ok()) {
      LogError("exec of ", command_.arguments[0], ": ", status.message());
      tree_.reset();
    }
  }
  CheckTree();
}

void ExecCall::StartGrace() {
  auto timer = environment_.loop.AddTimer([this] {
    if (tree_) tree_->Kill();
  });
  absl::Status status = timer.status();
  if (timer.ok()) {
    grace_ = *std::move(timer);
    status = grace_.Set(command_.kill_grace);
  }
  if (!status.ok()) {
    LogError("exec of ", command_.arguments[0], ": ", status.message());
    tree_->Kill();
  }
}

void ExecCall::CheckTree() {
  if (tree_gone_ || pid_ != 0 || (tree_ && !tree_->Gone())) return;
  tree_gone_ = true;
  grace_.Cancel();
  for (Output& output : outputs_) {
    output.watch.Reset();
    if (!output.pipe) continue;
    int size = 0;
    output.left =
        Ioctl(output.pipe.get(), FIONREAD, "FIONREAD", &size).ok() ? static_cast<size_t>(size) : 0;
  }
  Drain();
}

// Sends what the pipes still hold as far as the connection takes it, then the last frame.
void ExecCall::Drain() {
  if (done_) return;
  for (Output& output : outputs_) {
    while (output.pipe && !cancelled_) {
      if (connection_.BackedUp()) return;
      ReadOutput(output);
    }
  }
  SendEnded();
}

void ExecCall::SendEnded() {
  agent::ServerFrame frame;
  agent::ExecEnded& ended = *frame.mutable_ended();
  ended.set_reason(reason_);
  if (ending_.signaled) {
    ended.set_signal(static_cast<uint32_t>(ending_.value));
  } else {
    ended.set_exit_code(static_cast<uint32_t>(ending_.value));
  }
  ended.set_duration_us(static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - started_).count()));
  connection_.Send(frame);
  done_ = true;
}

}  // namespace voidbox

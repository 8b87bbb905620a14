#include "sandbox/exec_session.h"

#include <unistd.h>

#include <cerrno>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/error_frame.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

constexpr size_t kInputPieceBytes = 32 << 10;

uint64_t LimitOf(const ExecSession::Streams& streams) {
  return streams.max_bytes == 0 ? std::numeric_limits<uint64_t>::max() : streams.max_bytes;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ExecSession>> ExecSession::Start(EventLoop& loop, UniqueFd stream,
                                                                std::optional<uint32_t> vsock_port,
                                                                agent::Request request,
                                                                const Streams& streams,
                                                                Handlers handlers) {
  std::unique_ptr<ExecSession> session(new ExecSession(loop, streams, std::move(handlers)));
  ExecSession* const self = session.get();
  session->input_open_ = streams.input >= 0;
  if (request.has_exec()) request.mutable_exec()->set_stdin(session->input_open_);
  if (request.has_run_ts()) request.mutable_run_ts()->set_stdin(session->input_open_);
  ASSIGN_OR_RETURN(
      session->call_,
      AgentCall::Start(loop, std::move(stream), vsock_port, request,
                       {.frame = [self](const agent::ServerFrame& frame) { self->OnFrame(frame); },
                        .ended = [self](const absl::Status& s) { self->OnCallEnded(s); },
                        .room = [self] { self->WatchInput(); }}));
  return session;
}

ExecSession::ExecSession(EventLoop& loop, const Streams& streams, Handlers handlers)
    : loop_(loop),
      streams_(streams),
      handlers_(std::move(handlers)),
      output_{.pump = {loop, streams.output, Guarded([this] { OnOutputChanged(); })},
              .printable = streams.printable_output,
              .left = LimitOf(streams),
              .text = {}},
      error_{.pump = {loop, streams.error, Guarded([this] { OnOutputChanged(); })},
             .printable = streams.printable_error,
             .left = LimitOf(streams),
             .text = {}} {}

EventLoop::Task ExecSession::Guarded(EventLoop::Task task) {
  return [task = std::move(task), alive = std::weak_ptr<bool>(alive_)] {
    if (!alive.expired()) task();
  };
}

void ExecSession::Signal(int number) {
  if (!started_) return signals_before_start_.push_back(number);
  agent::ClientFrame frame;
  frame.mutable_signal()->set_number(static_cast<uint32_t>(number));
  static_cast<void>(call_->Send(frame));  // a frame of some bytes is never too long
}

void ExecSession::Resize(const agent::WindowSize& size) {
  if (!started_) {
    size_before_start_ = size;
    return;
  }
  agent::ClientFrame frame;
  *frame.mutable_resize() = size;
  static_cast<void>(call_->Send(frame));
}

void ExecSession::OnFrame(const agent::ServerFrame& frame) {
  switch (frame.frame_case()) {
    case agent::ServerFrame::kStarted:
      if (started_) break;
      return OnStarted(frame.started());
    case agent::ServerFrame::kStdout:
      if (!started_) break;
      return OnOutput(output_, frame.stdout());
    case agent::ServerFrame::kStderr:
      if (!started_) break;
      return OnOutput(error_, frame.stderr());
    case agent::ServerFrame::kEnded:
      return OnEnded(frame.ended());
    case agent::ServerFrame::kRunTsResult:
      if (!handlers_.run_ts_result) break;
      return handlers_.run_ts_result(frame.run_ts_result());
    case agent::ServerFrame::kError: {
      const absl::Status status = ErrorStatus(frame.error());
      return Finish(absl::Status(status.code(), absl::StrCat("the agent: ", status.message())));
    }
    default:
      break;
  }
  Finish(absl::DataLossError("the agent answered with a frame that does not belong"));
}

void ExecSession::OnStarted(const agent::ExecStarted& started) {
  started_ = true;
  if (size_before_start_.has_value()) Resize(*size_before_start_);
  for (const int number : std::exchange(signals_before_start_, {})) Signal(number);
  if (handlers_.started) handlers_.started(started);
  WatchInput();
}

void ExecSession::OnOutput(Sink& sink, absl::string_view bytes) {
  bytes = bytes.substr(0, sink.left);
  sink.left -= bytes.size();
  if (sink.printable) {
    sink.pump.Write(sink.text.Take(bytes));
  } else {
    sink.pump.Write(bytes);
  }
  OnOutputChanged();
}

void ExecSession::OnEnded(const agent::ExecEnded& ended) {
  result_ = ended;
  input_watch_.Reset();
  input_open_ = false;
  call_->PauseFrames(true);  // this was the last one
  for (Sink* const sink : {&output_, &error_}) sink->pump.Write(sink->text.Finish());
  OnOutputChanged();
}

void ExecSession::OnCallEnded(const absl::Status& status) {
  if (result_.has_value()) return;  // waits for its output to be written
  Finish(status.ok() ? absl::UnavailableError("the connection to the agent ended") : status);
}

void ExecSession::OnOutputChanged() {
  if (!handlers_.ended) return;
  for (const auto& [sink, name] : {std::pair(&output_, "output"), std::pair(&error_, "errors")}) {
    const absl::Status& status = sink->pump.status();
    if (status.ok()) continue;
    return Finish(absl::Status(
        status.code(), absl::StrCat("cannot write the command's ", name, ": ", status.message())));
  }
  call_->PauseFrames(result_.has_value() || output_.pump.IsFull() || error_.pump.IsFull());
  MaybeFinish();
}

void ExecSession::MaybeFinish() {
  if (result_.has_value() && output_.pump.IsEmpty() && error_.pump.IsEmpty()) Finish(*result_);
}

void ExecSession::WatchInput() {
  if (!input_open_ || !started_ || !handlers_.ended || !call_->HasRoom()) return;
  if (input_always_ready_) {
    if (input_posted_) return;
    input_posted_ = true;
    loop_.Post(Guarded([this] {
      input_posted_ = false;
      ReadInput();
    }));
    return;
  }
  if (input_watch_) return;
  auto watch = loop_.Add(streams_.input, EPOLLIN, [this](uint32_t) { ReadInput(); });
  if (watch.ok()) {
    input_watch_ = *std::move(watch);
  } else if (watch.status().code() == absl::StatusCode::kPermissionDenied) {
    input_always_ready_ = true;  // EPERM: epoll does not take regular files
    WatchInput();
  } else {
    CloseInput();  // not open
  }
}

void ExecSession::ReadInput() {
  if (!input_open_) return;
  agent::ClientFrame frame;
  std::string& bytes = *frame.mutable_stdin();
  bytes.resize(kInputPieceBytes);
  const ssize_t got = ::read(streams_.input, bytes.data(), bytes.size());
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return WatchInput();
  if (got <= 0) return CloseInput();
  bytes.resize(static_cast<size_t>(got));
  static_cast<void>(call_->Send(frame));               // within the bound
  if (!call_->HasRoom()) return input_watch_.Reset();  // until there is room
  WatchInput();
}

void ExecSession::CloseInput() {
  input_watch_.Reset();
  input_open_ = false;
  agent::ClientFrame frame;
  frame.mutable_close_stdin();
  static_cast<void>(call_->Send(frame));
}

void ExecSession::Finish(absl::StatusOr<agent::ExecEnded> result) {
  if (!handlers_.ended) return;
  input_watch_.Reset();
  input_open_ = false;
  // Later, so that the handler may destroy the session whoever called us.
  loop_.Post(Guarded([ended = std::exchange(handlers_.ended, nullptr), result = std::move(result)] {
    ended(result);
  }));
}

}  // namespace voidbox

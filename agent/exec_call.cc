#include "agent/exec_call.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace voidbox {

absl::StatusOr<std::unique_ptr<Call>> ExecCall::Start(ExecTable& table, Command command,
                                                      Connection& connection, Settle settle) {
  std::unique_ptr<ExecCall> call(new ExecCall(table, connection, std::move(settle)));
  ASSIGN_OR_RETURN(call->exec_, table.Start(std::move(command), call->attachment_));
  return call;
}

absl::StatusOr<std::unique_ptr<Call>> ExecCall::Attach(ExecTable& table,
                                                       const agent::AttachRequest& request,
                                                       Connection& connection, Settle settle) {
  std::unique_ptr<ExecCall> call(new ExecCall(table, connection, std::move(settle)));
  ASSIGN_OR_RETURN(call->exec_, table.FindKept(request.id()));
  call->exec_->Attach(call->attachment_, request.skip_kept_output());
  return call;
}

ExecCall::~ExecCall() {
  if (exec_ == nullptr) return;
  exec_->Detach(attachment_);
  table_.Remove(exec_->id());
}

absl::Status ExecCall::OnFrame(const agent::ClientFrame& frame) {
  if (attachment_.done) return absl::OkStatus();
  switch (frame.frame_case()) {
    case agent::ClientFrame::kStdin:
      if (!exec_->command().wants_input) {
        return absl::InvalidArgumentError("stdin: the request did not ask for standard input");
      }
      if (exec_->input_ended()) {
        return absl::InvalidArgumentError("stdin: comes after close_stdin");
      }
      exec_->WriteInput(frame.stdin());
      return absl::OkStatus();
    case agent::ClientFrame::kCloseStdin:
      exec_->EndInput();
      return absl::OkStatus();
    case agent::ClientFrame::kSignal:
      return OnSignal(frame.signal());
    case agent::ClientFrame::kResize:
      return OnResize(frame.resize());
    default:
      return absl::InvalidArgumentError("frame: none of stdin, close_stdin, signal and resize");
  }
}

absl::Status ExecCall::OnSignal(const agent::Signal& signal) {
  if (signal.number() < 1 || signal.number() > ExecTable::kMaxSignal) {
    return absl::InvalidArgumentError(
        absl::StrCat("signal: ", signal.number(), " is outside 1 to ", ExecTable::kMaxSignal));
  }
  exec_->SignalForeground(static_cast<int>(signal.number()));
  return absl::OkStatus();
}

absl::Status ExecCall::OnResize(const agent::WindowSize& size) {
  if (!exec_->command().terminal) {
    return absl::InvalidArgumentError("resize: the request did not ask for a terminal");
  }
  ASSIGN_OR_RETURN(const TerminalSize parsed, ParseTerminalSize(size));
  exec_->Resize(parsed);
  return absl::OkStatus();
}

void ExecCall::OnRoom() {
  if (!attachment_.done) exec_->OnRoom();
}

void ExecCall::Cancel() {
  if (!exec_->keep()) return exec_->Cancel();
  exec_->Detach(attachment_);
  attachment_.done = true;
}

}  // namespace voidbox

#include "agent/exec_call.h"

#include <utility>

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
  if (!exec_->keep()) table_.Remove(exec_->id());
}

absl::Status ExecCall::OnFrame(const agent::ClientFrame& frame) {
  return attachment_.done ? absl::OkStatus() : exec_->OnFrame(frame);
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

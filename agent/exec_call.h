#ifndef VOIDBOX_AGENT_EXEC_CALL_H_
#define VOIDBOX_AGENT_EXEC_CALL_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/agent.pb.h"
#include "agent/call.h"
#include "agent/command.h"
#include "agent/connection.h"
#include "agent/exec.h"
#include "agent/exec_table.h"

namespace voidbox {

// The connection's side of an exec: hands the host's frames to it. When the host is gone, an exec
// that keeps its output goes on, any other ends.
class ExecCall final : public Call {
 public:
  // `table` outlives the call. Errors as of ExecTable.
  static absl::StatusOr<std::unique_ptr<Call>> Start(ExecTable& table, Command command,
                                                     Connection& connection, Settle settle);
  static absl::StatusOr<std::unique_ptr<Call>> Attach(ExecTable& table,
                                                      const agent::AttachRequest& request,
                                                      Connection& connection, Settle settle);
  ~ExecCall() override;

  absl::Status OnFrame(const agent::ClientFrame& frame) override;
  bool WantsFrames() const override { return !attachment_.done && exec_->WantsInput(); }
  void OnRoom() override;
  void Cancel() override;
  bool Done() const override { return attachment_.done || exec_->ended(); }

 private:
  ExecCall(ExecTable& table, Connection& connection, Settle settle)
      : table_(table), attachment_({.connection = connection, .settle = std::move(settle)}) {}
  absl::Status OnSignal(const agent::Signal& signal);
  absl::Status OnResize(const agent::WindowSize& size);

  ExecTable& table_;
  Exec::Attachment attachment_;
  std::shared_ptr<Exec> exec_;  // null only while it could not be started
};

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_EXEC_CALL_H_

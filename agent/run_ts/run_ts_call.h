#ifndef VOIDBOX_AGENT_RUN_TS_RUN_TS_CALL_H_
#define VOIDBOX_AGENT_RUN_TS_RUN_TS_CALL_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/agent.pb.h"
#include "agent/call.h"
#include "agent/connection.h"
#include "agent/run_ts/result_files.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"

namespace voidbox {

class AgentCall;

// A program that Deno runs. It is an exec call of the same agent, made as any host makes one, whose
// frames are handed on, with the program's result before the last one.
class RunTsCall final : public Call {
 public:
  struct Environment {
    EventLoop& loop;  // outlives the calls
    // Has the agent itself serve a stream (CallService::Serve).
    std::function<void(UniqueFd)> serve_call;
  };

  // For CallHandlers. FAILED_PRECONDITION in an image without Deno.
  static CallStarter Starter(Environment environment);
  static absl::StatusOr<std::unique_ptr<Call>> Start(const Environment& environment,
                                                     const agent::RunTsRequest& request,
                                                     Connection& connection, Settle settle);

  ~RunTsCall() override;
  absl::Status OnFrame(const agent::ClientFrame& frame) override;
  bool WantsFrames() const override;
  void OnRoom() override;
  void Cancel() override;
  bool Done() const override { return done_; }

 private:
  RunTsCall(Connection& connection, Settle settle, ResultFiles files);
  absl::Status SendCode(const std::string& code);
  void OnAgentFrame(const agent::ServerFrame& frame);
  void SendResult();
  void OnEnd(const absl::Status& status);

  Connection& connection_;
  const Settle settle_;
  const ResultFiles files_;
  bool has_code_ = false;
  bool done_ = false;
  std::unique_ptr<AgentCall> call_;
};

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_RUN_TS_RUN_TS_CALL_H_

#ifndef VOIDBOX_TOOLS_CLI_SANDBOX_RUN_TS_COMMAND_H_
#define VOIDBOX_TOOLS_CLI_SANDBOX_RUN_TS_COMMAND_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/agent.pb.h"
#include "tools/cli/command.h"
#include "tools/cli/run_flags.h"

namespace voidbox {

// `voidbox run-ts`: a TypeScript program in a sandbox, new or not.
class RunTsCommand final : public Command {
 public:
  FlagParser AddTo(FlagParser app) override;
  bool TakesCommand() const override { return true; }
  int Run(const Invocation& invocation) override;

 private:
  absl::StatusOr<agent::RunTsRequest> Request(const std::vector<std::string>& arguments) const;
  int InSandbox(const agent::RunTsRequest& run_ts) const;
  int InNewSandbox(const Invocation& invocation) const;

  std::string file_, sandbox_;
  std::string format_ = "text";
  RunFlags flags_;
  bool allow_net_ = false;
};

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_SANDBOX_RUN_TS_COMMAND_H_

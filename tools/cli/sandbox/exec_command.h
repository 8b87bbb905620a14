#ifndef VOIDBOX_TOOLS_CLI_SANDBOX_EXEC_COMMAND_H_
#define VOIDBOX_TOOLS_CLI_SANDBOX_EXEC_COMMAND_H_

#include "tools/cli/command.h"
#include "tools/cli/exec_flags.h"

namespace voidbox {

// `voidbox exec`.
class ExecCommand final : public Command {
 public:
  FlagParser AddTo(FlagParser app) override;
  bool TakesCommand() const override { return true; }
  int Run(const Invocation& invocation) override;

 private:
  FlagParser app_;
  ExecFlags flags_;
  bool detach_ = false;
};

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_SANDBOX_EXEC_COMMAND_H_

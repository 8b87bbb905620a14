#ifndef VOIDBOX_TOOLS_CLI_RUN_COMMAND_H_
#define VOIDBOX_TOOLS_CLI_RUN_COMMAND_H_

#include "tools/cli/command.h"
#include "tools/cli/run_flags.h"

namespace voidbox {

// `voidbox run`.
class RunCommand final : public Command {
 public:
  FlagParser AddTo(FlagParser app) override;
  bool TakesCommand() const override { return true; }
  int Run(const Invocation& invocation) override;

 private:
  FlagParser app_;
  RunFlags flags_;
};

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_RUN_COMMAND_H_

#ifndef VOIDBOX_TOOLS_CLI_SANDBOX_SHELL_COMMAND_H_
#define VOIDBOX_TOOLS_CLI_SANDBOX_SHELL_COMMAND_H_

#include <string>

#include "tools/cli/command.h"
#include "tools/cli/exec_flags.h"

namespace voidbox {

// `voidbox shell`: a terminal in a sandbox that runs, or in a new one.
class ShellCommand final : public Command {
 public:
  FlagParser AddTo(FlagParser app) override;
  int Run(const Invocation& invocation) override;

 private:
  int InSandbox() const;

  std::string name_, image_;
  ExecFlags flags_;
};

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_SANDBOX_SHELL_COMMAND_H_

#ifndef VOIDBOX_TOOLS_CLI_SANDBOX_INSPECT_COMMAND_H_
#define VOIDBOX_TOOLS_CLI_SANDBOX_INSPECT_COMMAND_H_

#include <string>
#include <vector>

#include "tools/cli/command.h"

namespace voidbox {

// `voidbox inspect`.
class InspectSandboxCommand final : public Command {
 public:
  FlagParser AddTo(FlagParser app) override;
  int Run(const Invocation& invocation) override;

 private:
  int Inspect() const;

  std::vector<std::string> names_;
};

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_SANDBOX_INSPECT_COMMAND_H_

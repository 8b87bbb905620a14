#ifndef VOIDBOX_TOOLS_CLI_SANDBOX_ATTACH_COMMAND_H_
#define VOIDBOX_TOOLS_CLI_SANDBOX_ATTACH_COMMAND_H_

#include <string>

#include "tools/cli/command.h"

namespace voidbox {

// `voidbox attach`.
class AttachCommand final : public Command {
 public:
  FlagParser AddTo(FlagParser app) override;
  int Run(const Invocation& invocation) override;

 private:
  std::string name_, exec_;
  bool skip_output_ = false;
};

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_SANDBOX_ATTACH_COMMAND_H_

#ifndef VOIDBOX_TOOLS_CLI_COMPLETION_COMMAND_H_
#define VOIDBOX_TOOLS_CLI_COMPLETION_COMMAND_H_

#include <string>

#include "tools/cli/command.h"

namespace voidbox {

// `voidbox completion`.
class CompletionCommand final : public Command {
 public:
  FlagParser AddTo(FlagParser app) override;
  int Run(const Invocation& invocation) override;

 private:
  FlagParser app_;  // all of voidbox
  std::string shell_;
};

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_COMPLETION_COMMAND_H_

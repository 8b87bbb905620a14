#ifndef VOIDBOX_TOOLS_CLI_IMAGE_INSPECT_COMMAND_H_
#define VOIDBOX_TOOLS_CLI_IMAGE_INSPECT_COMMAND_H_

#include <string>

#include "tools/cli/command.h"

namespace voidbox {

// `voidbox image inspect`.
class InspectCommand final : public Command {
 public:
  FlagParser AddTo(FlagParser app) override;
  int Run(const Invocation& invocation) override;

 private:
  std::string name_, format_;
};

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_IMAGE_INSPECT_COMMAND_H_

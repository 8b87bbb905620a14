#ifndef VOIDBOX_TOOLS_CLI_IMAGE_LIST_COMMAND_H_
#define VOIDBOX_TOOLS_CLI_IMAGE_LIST_COMMAND_H_

#include <string>

#include "tools/cli/command.h"

namespace voidbox {

// `voidbox image ls`.
class ListCommand final : public Command {
 public:
  FlagParser AddTo(FlagParser app) override;
  int Run(const Invocation& invocation) override;

 private:
  std::string format_;
};

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_IMAGE_LIST_COMMAND_H_

#ifndef VOIDBOX_TOOLS_CLI_IMAGE_IMAGE_COMMAND_H_
#define VOIDBOX_TOOLS_CLI_IMAGE_IMAGE_COMMAND_H_

#include <memory>
#include <utility>
#include <vector>

#include "tools/cli/command.h"

namespace voidbox {

// `voidbox image ...`: hands on to the commands below it.
class ImageCommand final : public Command {
 public:
  FlagParser AddTo(FlagParser app) override;
  int Run(const Invocation& invocation) override;

 private:
  std::vector<std::pair<std::unique_ptr<Command>, FlagParser>> commands_;
};

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_IMAGE_IMAGE_COMMAND_H_

#ifndef VOIDBOX_TOOLS_CLI_IMAGE_VERIFY_COMMAND_H_
#define VOIDBOX_TOOLS_CLI_IMAGE_VERIFY_COMMAND_H_

#include <string>
#include <vector>

#include "tools/cli/command.h"

namespace voidbox {

// `voidbox image verify`.
class VerifyCommand final : public Command {
 public:
  FlagParser AddTo(FlagParser app) override;
  int Run(const Invocation& invocation) override;

 private:
  std::vector<std::string> names_;
  std::string format_;
};

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_IMAGE_VERIFY_COMMAND_H_

#ifndef VOIDBOX_TOOLS_CLI_SANDBOX_PS_COMMAND_H_
#define VOIDBOX_TOOLS_CLI_SANDBOX_PS_COMMAND_H_

#include <string>
#include <vector>

#include "tools/cli/command.h"

namespace voidbox {

// `voidbox ps`.
class PsCommand final : public Command {
 public:
  FlagParser AddTo(FlagParser app) override;
  int Run(const Invocation& invocation) override;

 private:
  int List() const;

  std::string format_;
  std::vector<std::string> labels_;
  bool all_ = false;
  bool quiet_ = false;
};

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_SANDBOX_PS_COMMAND_H_

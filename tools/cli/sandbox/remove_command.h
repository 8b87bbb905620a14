#ifndef VOIDBOX_TOOLS_CLI_SANDBOX_REMOVE_COMMAND_H_
#define VOIDBOX_TOOLS_CLI_SANDBOX_REMOVE_COMMAND_H_

#include <string>
#include <vector>

#include "tools/cli/command.h"

namespace voidbox {

// `voidbox rm`.
class RemoveSandboxCommand final : public Command {
 public:
  FlagParser AddTo(FlagParser app) override;
  int Run(const Invocation& invocation) override;

 private:
  int Remove() const;

  std::vector<std::string> names_;
  bool force_ = false;
  bool all_ = false;
};

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_SANDBOX_REMOVE_COMMAND_H_

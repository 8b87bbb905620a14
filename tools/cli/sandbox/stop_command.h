#ifndef VOIDBOX_TOOLS_CLI_SANDBOX_STOP_COMMAND_H_
#define VOIDBOX_TOOLS_CLI_SANDBOX_STOP_COMMAND_H_

#include <string>
#include <vector>

#include "tools/cli/command.h"

namespace voidbox {

// `voidbox stop` and `voidbox kill`.
class StopCommand final : public Command {
 public:
  // Whether the guest may end what runs and write its disks, as `stop` does.
  explicit StopCommand(bool orderly) : orderly_(orderly) {}
  FlagParser AddTo(FlagParser app) override;
  int Run(const Invocation& invocation) override;

 private:
  const bool orderly_;
  std::vector<std::string> names_;
  std::string timeout_ = "10s";
};

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_SANDBOX_STOP_COMMAND_H_

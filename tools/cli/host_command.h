#ifndef VOIDBOX_TOOLS_CLI_HOST_COMMAND_H_
#define VOIDBOX_TOOLS_CLI_HOST_COMMAND_H_

#include <string>

#include "tools/cli/command.h"

namespace voidbox {

// `voidbox host start|stop|status|exec`.
class HostCommand final : public Command {
 public:
  FlagParser AddTo(FlagParser app) override;
  bool TakesCommand() const override { return exec_.parsed(); }
  int Run(const Invocation& invocation) override;

 private:
  FlagParser start_, stop_, exec_;
  std::string format_ = "text";
};

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_HOST_COMMAND_H_

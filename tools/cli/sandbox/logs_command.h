#ifndef VOIDBOX_TOOLS_CLI_SANDBOX_LOGS_COMMAND_H_
#define VOIDBOX_TOOLS_CLI_SANDBOX_LOGS_COMMAND_H_

#include <string>

#include "tools/cli/command.h"

namespace voidbox {

// `voidbox logs`.
class LogsCommand final : public Command {
 public:
  FlagParser AddTo(FlagParser app) override;
  int Run(const Invocation& invocation) override;

 private:
  int Show() const;

  std::string name_;
  bool follow_ = false;
  bool console_ = false;
};

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_SANDBOX_LOGS_COMMAND_H_

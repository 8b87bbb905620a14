#ifndef VOIDBOX_TOOLS_CLI_COMPLETION_COMMAND_H_
#define VOIDBOX_TOOLS_CLI_COMPLETION_COMMAND_H_

#include <string>

#include "tools/cli/command.h"

namespace voidbox {

// `voidbox completion`.
class CompletionCommand final : public Command {
 public:
  CLI::App* AddTo(CLI::App& app) override;
  int Run(const Invocation& invocation) override;

 private:
  CLI::App* app_ = nullptr;  // all of voidbox
  std::string shell_;
};

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_COMPLETION_COMMAND_H_

#ifndef VOIDBOX_TOOLS_CLI_SANDBOX_STATS_COMMAND_H_
#define VOIDBOX_TOOLS_CLI_SANDBOX_STATS_COMMAND_H_

#include <string>
#include <vector>

#include "tools/cli/command.h"

namespace voidbox {

// `voidbox stats`.
class StatsCommand final : public Command {
 public:
  FlagParser AddTo(FlagParser app) override;
  int Run(const Invocation& invocation) override;

 private:
  int Show() const;

  std::vector<std::string> names_;
  std::string format_;
  std::string interval_ = "2s";
  bool once_ = false;
};

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_SANDBOX_STATS_COMMAND_H_
